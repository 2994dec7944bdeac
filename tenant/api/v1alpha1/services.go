// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import "iter"

// All is every service under its name in the spec, in the order of the fields. Nil has none.
func (s *TenantServices) All() iter.Seq2[string, TenantService] {
	return func(yield func(string, TenantService) bool) {
		if s == nil {
			return
		}

		_ = yield("etcd", s.Etcd) && yield("monitoring", s.Monitoring) && yield("ingress", s.Ingress) && yield("seaweedfs", s.SeaweedFS)
	}
}
