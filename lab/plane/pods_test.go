// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

const whoURL = "http://who.default.svc.cluster.local:8000"

func (p onPlane) podProgramsRun(t *testing.T) {
	_, err := p.client.CoreV1().ServiceAccounts("default").Create(t.Context(), &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Name: "who"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = p.client.CoreV1().Services("default").Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "who"},
		Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "who"}, Ports: []corev1.ServicePort{
			{Port: 8000, TargetPort: intstr.FromString("http")},
		}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.NoError(t, p.RunPods(PodProgram{
		Namespace: "default", Selector: labels.SelectorFromSet(labels.Set{"app": "who"}), Ports: []string{"metrics"},
		Command: func(env PodEnv) *exec.Cmd {
			cmd := exec.Command(os.Args[0])
			cmd.Env = append(env.Env, "LAB_TEST_PROGRAM=pod", "KUBECONFIG="+env.Kubeconfig, "ADDRESS="+env.Addresses["http"], "METRICS="+env.Addresses["metrics"])
			return cmd
		},
	}))
	eventually(t, "the Service to be known, without anybody behind it", 10*time.Second, func(context.Context) error {
		body, status, err := get(p, "/")
		if err == nil && (status != http.StatusServiceUnavailable || !strings.Contains(body, "no ready program")) {
			err = fmt.Errorf("%d %s", status, body)
		}
		return err
	})
	createDeployment(t, p, "who", corev1.PodSpec{
		ServiceAccountName: "who",
		Containers: []corev1.Container{{
			Name: "who", Image: "none", Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
			Env:            []corev1.EnvVar{{Name: "POD_NAMESPACE", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.namespace"}}}},
			ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/readyz", Port: intstr.FromString("http")}}},
		}},
	})
	deploymentIsAvailable(t, p, "who")
	require.Equal(t, "system:serviceaccount:default:who in default", ask(t, p, "/", http.StatusOK))
	require.Equal(t, "Forbidden", ask(t, p, "/secrets", http.StatusOK), "the account may do nothing")

	// A program that dies makes its pod unready and is started again, on the same address.
	before := ask(t, p, "/pid", http.StatusOK)
	ask(t, p, "/die", http.StatusBadGateway)
	eventually(t, "the program to be back", 20*time.Second, func(context.Context) error {
		body, status, err := get(p, "/pid")
		if err == nil && (status != http.StatusOK || body == before) {
			err = fmt.Errorf("%d %s", status, body)
		}
		return err
	})
	deploymentIsAvailable(t, p, "who")

	require.NoError(t, p.client.AppsV1().Deployments("default").Delete(t.Context(), "who", metav1.DeleteOptions{}))
	eventually(t, "the program to be gone with its pod", 20*time.Second, func(context.Context) error {
		p.kubelet.mu.Lock()
		defer p.kubelet.mu.Unlock()
		if len(p.kubelet.runners) > 0 {
			return errors.New("it still runs")
		}
		return nil
	})
	ask(t, p, "/", http.StatusServiceUnavailable)
}

func ask(t *testing.T, p onPlane, path string, status int) string {
	t.Helper()
	body, got, err := get(p, path)
	require.NoError(t, err)
	require.Equal(t, status, got, body)
	return body
}

func get(p onPlane, path string) (body string, status int, err error) {
	resp, err := p.HTTPClient().Get(whoURL + path)
	if err != nil {
		return "", 0, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	return string(data), resp.StatusCode, err
}

// servePod is the program of the pod in the test: it says who it is for the API server, and whether it may read secrets.
func servePod() {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		panic(err)
	}
	client := kubernetes.NewForConfigOrDie(config)
	mux := http.NewServeMux()
	mux.HandleFunc("/readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("/die", func(http.ResponseWriter, *http.Request) { os.Exit(3) })
	mux.HandleFunc("/pid", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, os.Getpid()) })
	mux.HandleFunc("/secrets", func(w http.ResponseWriter, r *http.Request) {
		_, err := client.CoreV1().Secrets("default").List(r.Context(), metav1.ListOptions{})
		fmt.Fprint(w, apierrors.ReasonForError(err))
	})
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		review, err := client.AuthenticationV1().SelfSubjectReviews().Create(r.Context(), &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		fmt.Fprint(w, review.Status.UserInfo.Username, " in ", os.Getenv("POD_NAMESPACE"))
	})
	panic(http.ListenAndServe(os.Getenv("ADDRESS"), mux))
}
