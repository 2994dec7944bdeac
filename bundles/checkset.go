// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"fmt"
	"reflect"
)

// checkSet checks one bundle: its members, and then what prove proves, with nothing optional and with everything.
func checkSet(s *Set, catalog *Catalog, found *Problems) {
	before := len(found.Problems)
	file := setFile(fileName(catalog.sets, s))
	problem := func(path string, value any, rule string, args ...any) { found.add(file, path, value, rule, args...) }

	if file != setFile(s.Name) {
		problem("name", s.Name, "not the name of the file")
	}
	if s.Title == "" {
		problem("title", nil, "missing")
	}
	if s.Platform != Talos && s.Platform != Generic {
		problem("platform", s.Platform, "not %s or %s", Talos, Generic)
	}
	if s.Platform == Generic && !reflect.ValueOf(s.Talos).IsZero() {
		problem("talos", nil, "asks for machine configs, but the platform is %s", Generic)
	}
	checkTalos(s.Talos, "talos", problem)
	optional := checkMembers(s, catalog, problem)
	checkCore(s, optional, problem)
	if len(found.Problems) > before {
		return // what follows would only repeat it
	}

	defaults, everything := map[string]bool{}, map[string]bool{}
	for name, isOptional := range optional {
		defaults[name], everything[name] = !isOptional, true
	}
	proof := &Problems{}
	for _, selected := range []map[string]bool{defaults, everything} {
		if prove(catalog, s, selected, func(path string, value any, rule string, args ...any) {
			proof.add(file, path, value, rule, args...)
		}); len(proof.Problems) > 0 {
			break // the second would repeat the first
		}
	}
	checkCoreHealth(catalog, s, everything, problem)
	found.Problems = append(found.Problems, proof.Problems...)
}

// checkMembers returns for each package of the bundle whether it is optional.
func checkMembers(s *Set, catalog *Catalog, problem report) map[string]bool {
	optional := map[string]bool{}
	for i, layer := range s.Layers {
		if layer.Name == "" {
			problem(fmt.Sprintf("layers[%d].name", i), nil, "missing")
		}
		for j, member := range layer.Packages {
			path := fmt.Sprintf("layers[%d].packages[%d].name", i, j)
			p, known := catalog.packages[member.Name]
			if !known {
				problem(path, member.Name, "no such package%s", didYouMean(member.Name, sortedKeys(catalog.packages)))
				continue
			}
			if _, twice := optional[member.Name]; twice {
				problem(path, member.Name, "stands twice")
			}
			optional[member.Name] = member.Optional
			if s.Platform == Generic && !reflect.ValueOf(p.Talos).IsZero() {
				problem(path, member.Name, "asks for machine configs, but the platform is %s", Generic)
			}
		}
	}
	return optional
}

func checkCore(s *Set, optional map[string]bool, problem report) {
	if len(s.Core) == 0 {
		problem("core", nil, "missing")
	}
	for i, name := range s.Core {
		isOptional, member := optional[name]
		switch path := fmt.Sprintf("core[%d]", i); {
		case !member:
			problem(path, name, "not a package of this bundle%s", didYouMean(name, sortedKeys(optional)))
		case isOptional:
			problem(path, name, "optional here, but nothing can be installed without the core")
		}
	}
}
