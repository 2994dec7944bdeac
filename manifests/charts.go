// SPDX-License-Identifier: Apache-2.0

// Package manifests holds the platform's own charts, embedded as the files they are, and packs them as a Helm
// repository that is served over HTTP.
//
// A chart's version says what is in it: "0.1.0+1b2c3d4e" is version 0.1.0 of Chart.yaml with the content whose SHA-256
// begins with 1b2c3d4e. So a chart that changed is another version to Helm and to Flux, and one that did not is the same,
// whoever packed it.
//
// The package refuses to know what the charts are for, which bundle takes them, and Helm itself: packing is a tar file
// and an index. Still missing: charts made from plain manifests of third parties.
package manifests

import (
	"embed"
	"io/fs"
)

// The prefix "all:" takes files whose names begin with an underscore along: Helm's helper templates do.
//
//go:embed all:charts
var files embed.FS

// Charts is one directory for each chart, named like the chart.
func Charts() fs.FS {
	charts, err := fs.Sub(files, "charts")
	if err != nil { // only an invalid path can do that, and this one is a constant
		panic(err)
	}
	return charts
}

// ChartVersion is the version, with its content's mark, under which the embedded chart of that name is served.
// An unknown name is an error that matches fs.ErrNotExist.
func ChartVersion(name string) (string, error) {
	c, err := readChart(Charts(), name)
	if err != nil {
		return "", err
	}
	return c.version, nil
}
