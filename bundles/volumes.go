// SPDX-License-Identifier: Apache-2.0

package bundles

import "slices"

// Volumes says which values of a package make claims for volumes, and of which storage class.
type Volumes struct {
	Class string `json:"class"`          // dotted path of the class's name, which is empty for the cluster's default
	When  string `json:"when,omitempty"` // dotted path of what must be true. Empty: it always makes some
}

// StorageClass is the storage class that the package's claims name, empty for the cluster's default; claims is false where it makes
// none. The values must be final, as those of a Plan are.
func (p *Package) StorageClass() (class string, claims bool) {
	if p.Volumes == nil {
		return "", false
	}
	if p.Volumes.When != "" {
		if makes, _ := lookup(p.Values, splitPath(p.Volumes.When)); makes != true {
			return "", false
		}
	}
	named, _ := lookup(p.Values, splitPath(p.Volumes.Class))
	class, _ = named.(string)
	return class, true
}

func checkVolumes(p *Package, catalog *Catalog, problem report) {
	if p.Volumes == nil {
		return
	}
	if p.Volumes.Class == "" {
		problem("volumes.class", nil, "missing")
	}
	for _, one := range []struct{ at, path string }{{"volumes.class", p.Volumes.Class}, {"volumes.when", p.Volumes.When}} {
		switch {
		case one.path == "":
		case slices.Contains(splitPath(one.path), ""):
			problem(one.at, one.path, "not the dotted path of a value")
		default:
			checkKnown(p, catalog, one.at, nest(splitPath(one.path), nil), problem)
		}
	}
}
