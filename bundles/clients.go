// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
)

// clients talk to one cluster: of kinds that are known here, of any kind, and about names and labels alone.
type clients struct {
	kube    kubernetes.Interface
	dynamic dynamic.Interface
	names   metadata.Interface
}

func newClients(config *rest.Config) (out clients, err error) {
	if out.kube, err = kubernetes.NewForConfig(config); err != nil {
		return out, fmt.Errorf("make a client: %w", err)
	}
	if out.dynamic, err = dynamic.NewForConfig(config); err != nil {
		return out, fmt.Errorf("make a client: %w", err)
	}
	if out.names, err = metadata.NewForConfig(config); err != nil {
		return out, fmt.Errorf("make a client: %w", err)
	}
	return out, nil
}
