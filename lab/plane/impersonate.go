// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"fmt"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// ConfigAs is the administrator's kubeconfig that acts as a service account, with the rights and in the groups of that alone.
// The account need not be there.
func (p *Plane) ConfigAs(namespace, account string) (*clientcmdapi.Config, error) {
	config, err := clientcmd.LoadFromFile(p.Kubeconfig())
	if err != nil {
		return nil, fmt.Errorf("act as the service account %s of %s: %w", account, namespace, err)
	}
	for _, user := range config.AuthInfos {
		user.Impersonate = "system:serviceaccount:" + namespace + ":" + account
		user.ImpersonateGroups = []string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"}
	}
	return config, nil
}
