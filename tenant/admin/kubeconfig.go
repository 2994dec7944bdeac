// SPDX-License-Identifier: Apache-2.0

package admin

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

// MinTTL is the shortest time for which the API server gives a token (validation of TokenRequest in Kubernetes).
const MinTTL = 10 * time.Minute

// MaxTTL is the longest time for which a token of a level is given: who leaves a group keeps what a token opens until it ends. Chart
// tenant-admission holds everybody to it.
const MaxTTL = 24 * time.Hour

// Access is a kubeconfig with a token that ends.
type Access struct {
	// Kubeconfig holds the token: it is a secret.
	Kubeconfig []byte
	// Expires is when the token ends. The API server may give one for a shorter time than was asked for.
	Expires time.Time
}

// NotReadyError says that a tenant has no namespace yet.
type NotReadyError struct {
	Tenant string
	// Why is what its controller says. Empty: it has not looked at the tenant yet.
	Why string
}

// NotReady is the error for a tenant without a namespace.
func NotReady(t *v1alpha1.Tenant) *NotReadyError {
	e := &NotReadyError{Tenant: t.Name}
	if accepted := meta.FindStatusCondition(t.Status.Conditions, v1alpha1.ConditionAccepted); accepted != nil {
		e.Why = accepted.Message
	}

	return e
}

func (e *NotReadyError) Error() string {
	if e.Why == "" {
		return fmt.Sprintf("tenant %s has no namespace yet: its controller has not looked at it", e.Tenant)
	}

	return fmt.Sprintf("tenant %s has no namespace, because it is not accepted: %s", e.Tenant, e.Why)
}

// Hint is the next step.
func (e *NotReadyError) Hint() string {
	if e.Why == "" {
		return "that takes a moment: try again"
	}

	return "mend it, or look at all of it with: cozy-install tenant show " + e.Tenant
}

// Kubeconfig asks for a token of a level in a tenant and writes a kubeconfig with it, whose current namespace is the tenant's.
// It asks as the client: who has that level in the tenant, or a higher one, may. The token ends after the ttl, which is at least
// MinTTL (less counts as that) and at most MaxTTL (the cluster refuses more), and can't be taken back before that but by deleting
// the level's service account.
//
// The server and its certificate are those of the configuration, which is not changed. The error is a *NotReadyError where the
// tenant has no namespace, and a *LevelError where the client may not.
func Kubeconfig(
	ctx context.Context, client kubernetes.Interface, cluster *rest.Config, t *v1alpha1.Tenant, level tenant.Level, ttl time.Duration,
) (Access, error) {
	if t.Status.Namespace == "" {
		return Access{}, NotReady(t)
	}

	authority, err := authorityOf(cluster)
	if err != nil {
		return Access{}, err
	}

	seconds := int64(max(ttl, MinTTL) / time.Second)
	account := tenant.Account(level)

	answer, err := client.CoreV1().ServiceAccounts(t.Status.Namespace).CreateToken(ctx, account,
		&authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: &seconds}}, metav1.CreateOptions{})

	switch {
	case err != nil:
		return Access{}, needs(err, level, t.Status.Namespace, fmt.Sprintf("ask for a token of service account %s in namespace %s", account, t.Status.Namespace))
	case answer.Status.Token == "":
		return Access{}, errors.New("ask for a token: the API server gave none")
	}

	text, err := clientcmd.Write(kubeconfigOf(cluster, authority, t.Status.Namespace, level, answer.Status.Token))
	if err != nil {
		return Access{}, fmt.Errorf("write the kubeconfig: %w", err)
	}

	return Access{Kubeconfig: text, Expires: answer.Status.ExpirationTimestamp.Time}, nil
}

func kubeconfigOf(cluster *rest.Config, authority []byte, namespace string, level tenant.Level, token string) clientcmdapi.Config {
	name := namespace + "-" + string(level)
	config := clientcmdapi.NewConfig()
	config.Clusters[name] = &clientcmdapi.Cluster{
		Server: cluster.Host, CertificateAuthorityData: authority, TLSServerName: cluster.ServerName,
		InsecureSkipTLSVerify: cluster.Insecure,
	}
	config.AuthInfos[name] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts[name] = &clientcmdapi.Context{Cluster: name, AuthInfo: name, Namespace: namespace}
	config.CurrentContext = name

	return *config
}

// authorityOf is the certificate of the cluster's authority, inline: the file is nothing to whoever gets the kubeconfig.
func authorityOf(cluster *rest.Config) ([]byte, error) {
	if len(cluster.CAData) > 0 || cluster.CAFile == "" {
		return cluster.CAData, nil
	}

	authority, err := os.ReadFile(cluster.CAFile)
	if err != nil {
		return nil, fmt.Errorf("read the cluster's authority: %w", err)
	}

	return authority, nil
}
