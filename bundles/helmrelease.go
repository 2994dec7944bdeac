// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

const (
	// digestLabel marks a release with what it was made of. A label value has at most 63 characters, so half of a SHA-256
	// must do.
	digestLabel = "cozystack.io/digest"
	// maxHistory is how many revisions of a release are kept: each is a Secret with the whole chart in it.
	maxHistory = 5
)

// ReleaseStatus is what the cluster says of one Helm release.
type ReleaseStatus struct {
	// State is Helm's word: deployed, failed, pending-install ... Empty: there is no such release.
	State        string
	Revision     int
	ChartVersion string
	Updated      time.Time
	Message      string
}

// Status reads the newest revision of a release.
func (h *Helm) Status(ctx context.Context, name, namespace string) (ReleaseStatus, error) {
	_, last, err := h.newest(ctx, name, namespace)
	if last == nil || err != nil {
		return ReleaseStatus{}, err
	}
	return ReleaseStatus{
		State: last.Info.Status.String(), Revision: last.Version, ChartVersion: last.Chart.Metadata.Version,
		Updated: last.Info.LastDeployed.Time, Message: last.Info.Description,
	}, nil
}

// releaseDigest tells releases made of other charts, values or patches apart.
func releaseDigest(archive []byte, p Package) (string, error) {
	values, err := json.Marshal(p.Values) // with its keys sorted
	if err != nil {
		return "", err
	}
	patches, err := json.Marshal(p.Patches)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	for _, part := range [][]byte{archive, values, patches} {
		fmt.Fprintf(sum, "%d\n", len(part))
		sum.Write(part)
	}
	return hex.EncodeToString(sum.Sum(nil))[:32], nil
}

// apiVersions are those of the kinds that a chart needs: it may ask whether one exists.
func apiVersions(needs []string) []string {
	var out []string
	for _, crd := range needs {
		_, group, _ := strings.Cut(crd, ".")
		out = append(out, group+"/v1")
	}
	return out
}

// objectsOf takes a rendered manifest apart.
func objectsOf(text string) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for document := range strings.SplitSeq("\n"+text, "\n---") {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(document), &object.Object); err != nil {
			return nil, fmt.Errorf("a rendered object is no YAML: %w", err)
		}
		if len(object.Object) > 0 {
			out = append(out, object)
		}
	}
	return out, nil
}
