// SPDX-License-Identifier: Apache-2.0

package manifests

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"

	"sigs.k8s.io/yaml"
)

// maxChartFile bounds Chart.yaml of a guest.
const maxChartFile = 1 << 20

// With returns a repository that serves packed charts beside r's own. They can't take the name of one of those. An archive
// without a sound Chart.yaml is an error.
func (r *Repository) With(archives ...[]byte) (*Repository, error) {
	out := &Repository{charts: r.charts, index: maps.Clone(r.index), served: maps.Clone(r.served)}
	for i, archive := range archives {
		c, err := readGuest(archive)
		if err != nil {
			return nil, fmt.Errorf("packed chart %d: %w", i, err)
		}
		if _, taken := out.index[c.name]; taken {
			return nil, fmt.Errorf("packed chart %d: name: %q: there is a chart of that name already", i, c.name)
		}
		out.served[c.archiveName()] = archive
		out.index[c.name] = []any{c.indexEntry(archive)}
	}
	return out, out.writeIndex()
}

// readGuest reads the name and the version that a packed chart has.
func readGuest(archive []byte) (*chart, error) {
	plain, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return nil, err
	}
	files := tar.NewReader(plain)
	for {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return nil, errors.New("no " + chartFile + " in it")
		}
		if err != nil {
			return nil, err
		}
		if _, inside, _ := strings.Cut(header.Name, "/"); inside != chartFile {
			continue
		}
		raw, err := io.ReadAll(io.LimitReader(files, maxChartFile))
		if err != nil {
			return nil, err
		}
		c := &chart{}
		if err := yaml.Unmarshal(raw, &c.meta); err != nil {
			return nil, fmt.Errorf("%s: %w", chartFile, err)
		}
		c.name, _ = c.meta["name"].(string)
		c.version, _ = c.meta["version"].(string)
		if c.name == "" || c.version == "" {
			return nil, fmt.Errorf("%s: name or version: missing", chartFile)
		}
		return c, nil
	}
}
