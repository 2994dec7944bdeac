// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/talos"
)

// SupportOptions says what support bundle to make.
type SupportOptions struct {
	// File is the bundle's name, which is kept as it is. Empty: one made of the site's name and the time, in the working directory,
	// that ends with .age if the bundle is encrypted.
	File string
	// EncryptTo are age recipients (age1...). Empty: the bundle is a plain zip file.
	EncryptTo []string
	// Version is the installer's own, for the bundle's summary.
	Version string
	// Say takes lines of progress. Nil: nobody listens.
	Say func(string)
}

// SupportBundle is what was made. The bundle itself holds it as summary.json.
type SupportBundle struct {
	File    string    `json:"file"`
	Version string    `json:"version"`
	Time    time.Time `json:"time"`
	Site    string    `json:"site"`
	Bundle  string    `json:"bundle"`
	// Nodes are all nodes of the site, also those that do not answer.
	Nodes []SupportNode `json:"nodes"`
	// Kubernetes says why the cluster could not be asked. Empty: it was.
	Kubernetes string        `json:"kubernetes,omitempty"`
	Parts      []SupportPart `json:"parts"`
}

// Failed gives the parts that should be there and are not.
func (s SupportBundle) Failed() []SupportPart {
	var out []SupportPart
	for _, p := range s.Parts {
		if p.State == PartFailed {
			out = append(out, p)
		}
	}
	return out
}

// IncompleteBundleError says that a support bundle was written of which parts are missing.
type IncompleteBundleError struct{ Failed []SupportPart }

func (e *IncompleteBundleError) Error() string {
	first := e.Failed[0]
	return fmt.Sprintf("the support bundle is written without %d of its parts, the first of them %s: %s",
		len(e.Failed), first.Path, first.Reason)
}

// Hint says where the others are named.
func (e *IncompleteBundleError) Hint() string {
	return "summary.txt in the bundle names every part that is missing, and why; the bundle is worth sending all the same"
}

// Support writes one file with everything that helps to find out what is wrong with a site, and no secret. Nothing is
// changed. Nodes that are off, foreign or in maintenance mode, and a cluster that does not answer, are findings, told in
// the summary; a part that could not be had from somebody who does answer is a failure: the bundle is returned with an
// *IncompleteBundleError. After any other error there is no file.
func Support(ctx context.Context, o Options, so SupportOptions) (SupportBundle, error) {
	if err := checkRecipients(so.EncryptTo); err != nil {
		return SupportBundle{}, err
	}
	dir, err := workdir.OpenForReading(o.WorkDir)
	if err != nil {
		return SupportBundle{}, err
	}
	b, err := newBringup(o, dir)
	if err != nil {
		return SupportBundle{}, err
	}
	if so.Say == nil {
		so.Say = func(string) {}
	}
	now := time.Now().UTC().Truncate(time.Second)
	if so.File == "" {
		so.File = supportFile(b.site.Metadata.Name, now, len(so.EncryptTo) > 0)
	}
	secretsErr := b.secretsForSupport()
	scrubber, scrubErr := b.scrubber()
	file, err := filepath.Abs(so.File)
	if err != nil {
		return SupportBundle{}, fmt.Errorf("write the support bundle: %w", err)
	}
	a, err := newArchive(file, so.EncryptTo, scrubber, now)
	if err != nil {
		return SupportBundle{}, err
	}
	out := SupportBundle{File: file, Version: so.Version, Time: now, Site: b.site.Metadata.Name, Bundle: b.site.Bundle}
	if scrubErr != nil {
		a.addBytes("secrets", nil, fmt.Errorf("not all secrets to take out are known: %w", scrubErr))
	}
	b.collectLocal(a, secretsErr, so.Say)
	out.Nodes = b.collectNodes(ctx, a, secretsErr, so.Say)
	out.Kubernetes = b.collectCluster(ctx, a, so.Say)
	out.Parts = a.parts
	a.addJSON("summary.json", out, nil)
	a.addBytes("summary.txt", []byte(summaryText(out)), nil)
	if err := a.finish(ctx); err != nil {
		return SupportBundle{}, err
	}
	if failed := out.Failed(); len(failed) > 0 {
		return out, &IncompleteBundleError{Failed: failed}
	}
	return out, nil
}

// supportFile names a bundle: test, 2026-11-26 02:00 UTC -> cozy-install-support-test-20261126T020000Z.zip.
func supportFile(siteName string, now time.Time, sealed bool) string {
	name := "cozy-install-support-" + siteName + "-" + now.Format("20060102T150405Z") + ".zip"
	if sealed {
		return name + ".age"
	}
	return name
}

// secretsForSupport reads the secrets if there are any: nodes of a cluster are asked with them, and they are what the
// bundle must not hold. Where they can't be read, what is left is collected.
func (b *bringup) secretsForSupport() error {
	_, err := b.credentials()
	if none := (*NoSecretsError)(nil); errors.As(err, &none) {
		return nil
	}
	return err
}

// scrubber knows all secrets of the work directory and those in files that the site file names. It is there also with an
// error, and knows less.
func (b *bringup) scrubber() (*talos.Scrubber, error) {
	var errs []error
	var documents [][]byte
	for _, name := range []string{workdir.SecretsFile, workdir.TalosconfigFile, workdir.KubeconfigFile, workdir.RootKubeconfigFile} {
		data, err := b.dir.Read(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
		documents = append(documents, data)
	}
	var words []string
	for _, name := range passwordFiles(b.site) {
		// A file that can't be read is in nothing that is collected.
		word, _ := os.ReadFile(b.site.File(name))
		for part := range strings.SplitSeq(strings.TrimSpace(string(word)), ":") { // the proxy's is user:password
			words = append(words, part)
		}
	}
	scrubber, err := talos.NewScrubber(b.secrets, words, documents...)
	return scrubber, errors.Join(append(errs, err)...)
}

// passwordFiles are the files with passwords that a site file names.
func passwordFiles(s *site.Site) []string {
	var out []string
	for _, node := range s.Nodes {
		if node.BMC != nil && node.BMC.PasswordFile != "" {
			out = append(out, node.BMC.PasswordFile)
		}
	}
	for _, auth := range s.Registries.Auth {
		out = append(out, auth.PasswordFile)
	}
	if s.Proxy != nil && s.Proxy.CredentialsFile != "" {
		out = append(out, s.Proxy.CredentialsFile)
	}
	return out
}

func summaryText(s SupportBundle) string {
	var out bytes.Buffer
	fmt.Fprintf(&out, "Support bundle of site %s (%s), made by cozy-install %s at %s.\n\n", s.Site, s.Bundle, s.Version, s.Time.Format(time.RFC3339))
	for _, n := range s.Nodes {
		fmt.Fprintf(&out, "%s (%s, %s): %s", n.Name, n.Role, n.Address, n.State)
		if n.Reason != "" {
			fmt.Fprintf(&out, ": %s", n.Reason)
		}
		fmt.Fprintf(&out, "; %d files\n", n.Files)
	}
	if s.Kubernetes != "" {
		fmt.Fprintf(&out, "\nKubernetes was not asked: %s\n", s.Kubernetes)
	}
	for _, state := range []PartState{PartFailed, PartCut, PartWithheld} {
		title := map[PartState]string{PartFailed: "Failed", PartCut: "Cut at the limit", PartWithheld: "Withheld"}[state]
		for _, p := range s.Parts {
			if p.State == state {
				fmt.Fprintf(&out, "\n%s: %s", title, p.Path)
				if p.Reason != "" {
					fmt.Fprintf(&out, ": %s", p.Reason)
				}
			}
		}
	}
	out.WriteByte('\n')
	return out.String()
}
