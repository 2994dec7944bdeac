// SPDX-License-Identifier: Apache-2.0

package standin

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/cozystack/cozy-install/manifests"
)

// kinds are those of which our own charts have objects: name of the CRD -> its kind, and the versions that are used. Of all
// others a package file tells no more than plural and group.
type kinds map[string]kind

type kind struct {
	name     string
	versions []string
}

// kindsOf reads the templates of our own charts.
func kindsOf(own *manifests.Repository) (kinds, error) {
	out := kinds{}
	header := regexp.MustCompile(`(?m)^apiVersion: (\S+/\S+)\nkind: (\S+)$`)
	for _, name := range own.Names() {
		archive, err := own.Archive(name)
		if err != nil {
			return nil, err
		}
		text, err := unpacked(archive)
		if err != nil {
			return nil, err
		}
		for _, match := range header.FindAllStringSubmatch(text, -1) {
			version, err := schema.ParseGroupVersion(match[1])
			if err != nil {
				return nil, err
			}
			plural, _ := meta.UnsafeGuessKindToResource(version.WithKind(match[2]))
			crd := plural.Resource + "." + plural.Group
			known := out[crd]
			known.name = match[2]
			if !slices.Contains(known.versions, version.Version) {
				known.versions = append(known.versions, version.Version)
			}
			out[crd] = known
		}
	}
	return out, nil
}

func unpacked(archive []byte) (string, error) {
	plain, err := gzip.NewReader(bytes.NewReader(archive))
	if err != nil {
		return "", err
	}
	var out strings.Builder
	files := tar.NewReader(plain)
	for {
		if _, err := files.Next(); errors.Is(err, io.EOF) {
			return out.String(), nil
		} else if err != nil {
			return "", err
		}
		if _, err := io.Copy(&out, files); err != nil {
			return "", err
		}
		out.WriteString("\n")
	}
}

// of is the kind of a CRD, made up if no chart of ours tells.
func (k kinds) of(crd string) (plural, group string, is kind) {
	plural, group, _ = strings.Cut(crd, ".")
	if known, ok := k[crd]; ok {
		return plural, group, known
	}
	return plural, group, kind{name: strings.ToUpper(plural[:1]) + plural[1:], versions: []string{"v1"}}
}

// definition is a CRD that takes anything.
func (k kinds) definition(crd string) map[string]any {
	plural, group, is := k.of(crd)
	var versions []any
	for i, version := range is.versions {
		versions = append(versions, map[string]any{
			"name": version, "served": true, "storage": i == 0, "subresources": map[string]any{"status": map[string]any{}},
			"schema": map[string]any{"openAPIV3Schema": map[string]any{
				"type": "object", "x-kubernetes-preserve-unknown-fields": true,
			}},
		})
	}
	return map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
		"metadata": map[string]any{"name": crd, "annotations": map[string]any{
			// A stand-in may have the name of a protected group of Kubernetes' own.
			"api-approved.kubernetes.io": "unapproved, a stand-in of the lab",
		}},
		"spec": map[string]any{
			"group": group, "scope": "Namespaced", "versions": versions,
			"names": map[string]any{
				"plural": plural, "singular": strings.ToLower(is.name), "kind": is.name, "listKind": is.name + "List",
			},
		},
	}
}

// object is one of that kind, with nothing in it.
func (k kinds) object(crd, name string) map[string]any {
	_, group, is := k.of(crd)
	return map[string]any{
		"apiVersion": group + "/" + is.versions[0], "kind": is.name,
		"metadata": map[string]any{"name": name, "labels": map[string]any{Label: name}},
	}
}
