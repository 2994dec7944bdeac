// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"

	"github.com/cozystack/cozy-install/bootstrap/kube"
)

// registryCheck is the name of the check that the bastion's registry answers, and that nodes get their images.
const registryCheck = "registry"

// RegistryStatus is the bastion's registry, from which a site's nodes have their images.
type RegistryStatus struct {
	Address string `json:"address"`
	// Answers says whether it did.
	Answers bool `json:"answers"`
	// Only says that nodes ask no other registry.
	Only bool `json:"only,omitempty"`
	// Unpulled are the pods that wait for images which their nodes can't get. Empty also where nobody could be asked.
	Unpulled []kube.Unpulled `json:"unpulled,omitempty"`
}

// registryStatus looks at the bastion's registry. Nil: the site has none.
func (b *bringup) registryStatus(ctx context.Context, clusterErr error) (*RegistryStatus, []CheckResult) {
	bastion := b.site.Registries.Bastion
	if bastion == nil {
		return nil, nil
	}
	out := &RegistryStatus{Address: bastion.Address, Only: bastion.Only, Answers: answers(ctx, bastion.Address)}
	if clusterErr == nil {
		out.Unpulled, clusterErr = b.cluster.Unpulled(ctx)
	}
	return out, []CheckResult{out.check(clusterErr)}
}

func (s *RegistryStatus) check(clusterErr error) CheckResult {
	out := CheckResult{Check: registryCheck, State: CheckOK}
	waiting := ""
	if n := len(s.Unpulled); n > 0 {
		first := s.Unpulled[0]
		waiting = fmt.Sprintf("%d pods wait for images, such as %s on %s for %s", n, first.Pod, first.Node, first.Image)
	}
	switch {
	case !s.Answers && waiting != "":
		out.State, out.Reason = failed("%s does not answer, and %s; run cozy-install bundle serve there", s.Address, waiting)
	case !s.Answers:
		out.State, out.Reason = failed("%s does not answer: a pod that comes to another node gets no image; run cozy-install bundle serve there",
			s.Address)
	case waiting != "":
		out.State, out.Reason = failed("%s answers, but %s; its log says why", s.Address, waiting)
	case clusterErr != nil:
		out.State, out.Reason = CheckUnknown, cantAsk
	}
	return out
}
