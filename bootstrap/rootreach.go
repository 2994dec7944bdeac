// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/tenant"
)

// unpublished is why the URL of tenant-root is not asked for.
const unpublished = "no ingress in " + tenant.RootNamespace + ": nothing is published"

// Root is what tenant-root offers once it is up.
type Root struct {
	Host string `json:"host"`
	// URL answered, at Address, with a certificate of Issuer. All empty where nothing is published: see Unpublished.
	URL     string `json:"url,omitempty"`
	Address string `json:"address,omitempty"`
	Issuer  string `json:"issuer,omitempty"`
	// Answer says who answered.
	Answer string `json:"answer,omitempty"`
	// Silent says, of each other published address that did not answer as it should, why. Empty: all did.
	Silent []string `json:"silent,omitempty"`
	// Records are those to create in the DNS of the domain. None where nothing is published.
	Records []DNSRecord `json:"records,omitempty"`
	// Unpublished says why nothing was asked for; empty: the URL answered.
	Unpublished string `json:"unpublished,omitempty"`
	// Kubeconfig is the path of the first tenant administrator's, a secret. Empty: it was not written.
	Kubeconfig string `json:"kubeconfig,omitempty"`
}

// DNSRecord is one record of a zone.
type DNSRecord struct {
	Name  string `json:"name"` // without a final dot
	Type  string `json:"type"` // A, AAAA or CNAME
	Value string `json:"value"`
}

// String is the record as a zone file has it.
func (r DNSRecord) String() string {
	value := r.Value
	if r.Type == "CNAME" {
		value += "."
	}
	return fmt.Sprintf("%s. %s %s", r.Name, r.Type, value)
}

// recordsOf lead a host and all below it to the published addresses. A load balancer that only has a name gets a CNAME, which a zone's
// own apex can't have by the rules of DNS: there the provider's ALIAS takes its place.
func recordsOf(host string, at published) []DNSRecord {
	var out []DNSRecord
	for _, name := range []string{host, "*." + host} {
		for _, to := range at.Hosts {
			record := DNSRecord{Name: name, Type: "CNAME", Value: strings.TrimSuffix(to, ".")}
			if addr, err := netip.ParseAddr(to); err == nil {
				record.Type = "AAAA"
				if addr.Is4() {
					record.Type = "A"
				}
			}
			out = append(out, record)
		}
	}
	return out
}

// UnreachedRootError says that the host of tenant-root does not answer as it should, although its services are ready.
type UnreachedRootError struct {
	Err     error
	Records []DNSRecord
	// ACME says that the certificate comes from a server that looks the host up.
	ACME bool
}

func (e *UnreachedRootError) Error() string { return "tenant-root is not reached: " + e.Err.Error() }
func (e *UnreachedRootError) Unwrap() error { return e.Err }

// Hint says what to look at.
func (e *UnreachedRootError) Hint() string {
	look := "look at the ingress with: kubectl -n " + tenant.RootNamespace + " get pods,services,certificates,secrets; then run up again"
	if !e.ACME || len(e.Records) == 0 {
		return look
	}
	records := make([]string, len(e.Records))
	for i, record := range e.Records {
		records[i] = record.String()
	}
	return "the ACME server looks the host up before it signs: create these DNS records, and run up again: " +
		strings.Join(records, "; ") + "; or " + look
}

// answered is told where the host answered, and where not.
func (r *Root) answered(address string, answer answerOf, silent []error) {
	r.URL, r.Address, r.Issuer = "https://"+r.Host, address, answer.Issuer
	r.Answer, r.Silent = fmt.Sprintf("HTTP status %d", answer.Status), nil
	if answer.Empty {
		r.Answer = "the ingress itself: nothing is published at the host itself so far"
	}
	for _, err := range silent {
		r.Silent = append(r.Silent, err.Error())
	}
}

// reachRoot asks for the host of tenant-root at the addresses that its ingress is published at.
func (b *bringup) reachRoot(ctx context.Context, say phase.Say, client *kube.Client) error {
	b.root = &Root{Host: b.site.Domain}
	if !b.hasIngress() {
		b.root.Unpublished = unpublished
		say("%s", b.root.Unpublished)
		return nil
	}
	roots, err := trusted(b.site)
	if err != nil {
		return err
	}
	var at published
	err = b.await(ctx, say, "https://"+b.site.Domain+" to answer", askTimeout, func(ctx context.Context) (err error) {
		if at, err = publishedAt(ctx, client); err != nil {
			return err
		}
		leaf, err := orderedCertificate(ctx, client)
		if err != nil {
			return err
		}
		address, answer, silent := probe{Host: b.site.Domain, Leaf: leaf, Roots: roots}.askAll(ctx, at.addresses())
		if address == "" {
			return errors.Join(silent...)
		}
		b.root.answered(address, answer, silent)
		b.root.Records = recordsOf(b.site.Domain, at)
		return nil
	})
	if err != nil && ctx.Err() == nil {
		return &UnreachedRootError{Err: err, Records: recordsOf(b.site.Domain, at), ACME: b.site.Certificates.ACME != nil}
	}
	return err
}
