// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"sigs.k8s.io/yaml"
)

const (
	// maxIndex and maxArchive bound what a chart repository may send. The largest known index has some 20 MiB, the largest
	// known chart 2 MiB.
	maxIndex   = 64 << 20
	maxArchive = 16 << 20
	// fetchTimeout bounds one download.
	fetchTimeout = 2 * time.Minute
)

// fetchChart downloads a chart from its HTTP repository and checks its digest: the package's, or else the one of the
// repository's index, which must name one.
func fetchChart(ctx context.Context, client *http.Client, c Chart) ([]byte, error) {
	base, err := url.Parse(strings.TrimSuffix(c.Repository, "/") + "/")
	if err != nil {
		return nil, fmt.Errorf("chart repository %s: %w", c.Repository, err)
	}
	raw, err := download(ctx, client, base.JoinPath("index.yaml").String(), maxIndex)
	if err != nil {
		return nil, fmt.Errorf("read the index of chart repository %s: %w", c.Repository, err)
	}
	entry, err := findEntry(raw, c)
	if err != nil {
		return nil, fmt.Errorf("chart repository %s: %w", c.Repository, err)
	}
	address, err := base.Parse(entry.URLs[0])
	if err != nil {
		return nil, fmt.Errorf("chart repository %s: address of %s %s: %w", c.Repository, c.Name, c.Version, err)
	}
	want := c.Digest
	if want == "" {
		want = strings.TrimPrefix(entry.Digest, "sha256:")
	}
	if want == "" {
		return nil, fmt.Errorf("chart repository %s: names no digest of %s %s, and neither does the package", c.Repository, c.Name, c.Version)
	}
	archive, err := download(ctx, client, address.String(), maxArchive)
	if err != nil {
		return nil, fmt.Errorf("download chart %s %s: %w", c.Name, c.Version, err)
	}
	sum := sha256.Sum256(archive)
	if got := hex.EncodeToString(sum[:]); got != want {
		return nil, fmt.Errorf("chart %s %s from %s: SHA-256 is %s, want %s", c.Name, c.Version, address, got, want)
	}
	return archive, nil
}

// indexEntry is what is needed of one version of a chart in index.yaml.
type indexEntry struct {
	Version string   `json:"version"`
	URLs    []string `json:"urls"`
	Digest  string   `json:"digest"`
}

func findEntry(index []byte, c Chart) (indexEntry, error) {
	var parsed struct {
		Entries map[string][]indexEntry `json:"entries"`
	}
	if err := yaml.Unmarshal(index, &parsed); err != nil {
		return indexEntry{}, fmt.Errorf("index.yaml: %w", err)
	}
	for _, entry := range parsed.Entries[c.Name] {
		if entry.Version != c.Version {
			continue
		}
		if len(entry.URLs) == 0 {
			return indexEntry{}, fmt.Errorf("chart %s %s has no address", c.Name, c.Version)
		}
		return entry, nil
	}
	return indexEntry{}, fmt.Errorf("chart %s %s: not there", c.Name, c.Version)
}

// download reads a whole answer of at most limit bytes.
func download(ctx context.Context, client *http.Client, address string, limit int64) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, err
	}
	answer, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s", address, answer.Status)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, limit+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", address, err)
	}
	if int64(len(body)) > limit {
		return nil, fmt.Errorf("%s: more than %d bytes", address, limit)
	}
	return body, nil
}
