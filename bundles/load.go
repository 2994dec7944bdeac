// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"

	"sigs.k8s.io/yaml"
)

//go:embed packages sets charts
var data embed.FS

// Data is the packages and bundles that the program comes with, and what it knows of upstream charts, for Load.
func Data() fs.FS { return data }

// Catalog is all packages and bundles there are. It is immutable.
type Catalog struct {
	packages map[string]*Package
	sets     map[string]*Set
	charts   map[string]*KnownChart
}

// Load reads packages/*.yaml, sets/*.yaml and charts/*.yaml (of which there may be none) of files, strictly, and checks
// them against each other: names, charts, values that an upstream chart would not know, and for every bundle with its defaults and with everything optional enabled, that no dependency leaves it, that none
// goes round in a circle and that every CRD needed is brought. Everything wrong is reported at once, as *Problems.
func Load(files fs.FS) (*Catalog, error) {
	catalog := &Catalog{packages: map[string]*Package{}, sets: map[string]*Set{}, charts: map[string]*KnownChart{}}
	found := &Problems{}
	if err := readAll(files, "packages", catalog.packages, found); err != nil {
		return nil, err
	}
	if err := readAll(files, "sets", catalog.sets, found); err != nil {
		return nil, err
	}
	if err := readAll(files, "charts", catalog.charts, found); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, name := range sortedKeys(catalog.packages) {
		p := catalog.packages[name]
		if p.Release == "" {
			p.Release = p.Name
		}
		checkPackage(p, catalog, found)
	}
	for _, name := range sortedKeys(catalog.sets) {
		checkSet(catalog.sets[name], catalog, found)
	}
	if err := found.err(); err != nil {
		return nil, err
	}
	for _, s := range catalog.sets {
		s.alternatives = alternativesIn(s, catalog)
	}
	return catalog, nil
}

// Bundles lists the bundles' names, sorted.
func (c *Catalog) Bundles() []string { return sortedKeys(c.sets) }

// Bundle returns the bundle of that name; false if there is none. It must not be changed.
func (c *Catalog) Bundle(name string) (*Set, bool) {
	s, ok := c.sets[name]
	return s, ok
}

// Package returns the package of that name; false if there is none. It must not be changed.
func (c *Catalog) Package(name string) (*Package, bool) {
	p, ok := c.packages[name]
	return p, ok
}

// readAll decodes every YAML file of one directory into out, by name. A file that can't be decoded is a problem; a
// directory that can't be read is an error.
func readAll[T any](files fs.FS, dir string, out map[string]*T, found *Problems) error {
	entries, err := fs.ReadDir(files, dir)
	if err != nil {
		return fmt.Errorf("read %s: %w", dir, err)
	}
	for _, entry := range entries {
		file := path.Join(dir, entry.Name())
		name, isYAML := strings.CutSuffix(entry.Name(), ".yaml")
		if entry.IsDir() || !isYAML {
			found.add(file, "", nil, "not a .yaml file")
			continue
		}
		raw, err := fs.ReadFile(files, file)
		if err != nil {
			return fmt.Errorf("read %s: %w", file, err)
		}
		value := new(T)
		if err := yaml.UnmarshalStrict(raw, value); err != nil {
			found.add(file, "", nil, "%s", strings.TrimPrefix(err.Error(), "error unmarshaling JSON: while decoding JSON: "))
			continue
		}
		out[name] = value
	}
	return nil
}

// Optional lists the packages that are off unless enabled, in the bundle's order, and that can all be enabled at once:
// Alternatives are not among them.
func (s *Set) Optional() []string {
	var out []string
	for _, member := range s.members() {
		if member.Optional && !slices.Contains(s.alternatives, member.Name) {
			out = append(out, member.Name)
		}
	}
	return out
}

// members lists a bundle's packages in the order of its layers.
func (s *Set) members() []Member {
	var out []Member
	for _, layer := range s.Layers {
		out = append(out, layer.Packages...)
	}
	return out
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for key := range m {
		out = append(out, key)
	}
	slices.Sort(out)
	return out
}
