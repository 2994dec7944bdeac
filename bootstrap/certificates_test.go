// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
)

// signedBy is a certificate that signs itself, with its key, as PEM.
func signedBy(t *testing.T, change func(c *x509.Certificate)) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	own := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign, NotBefore: time.Now().Add(-2 * time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	change(own)
	der, err := x509.CreateCertificate(rand.Reader, own, own, private.Public(), private)
	require.NoError(t, err)
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	require.NoError(t, err)
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})),
		string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}))
}

func TestAnAuthorityIsCheckedBeforeItIsGiven(t *testing.T) {
	good, key := signedBy(t, func(*x509.Certificate) {})
	found, err := parseAuthority([]byte("# by hand\n"+key+good+good), time.Now())
	require.NoError(t, err)
	require.Equal(t, &signer{certificates: []byte(good + good), key: []byte(key)}, found)

	_, otherKey := signedBy(t, func(*x509.Certificate) {})
	leaf, leafKey := signedBy(t, func(c *x509.Certificate) { c.IsCA = false })
	old, oldKey := signedBy(t, func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) })
	reader, readerKey := signedBy(t, func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageDigitalSignature })
	for text, want := range map[string]string{
		good:               "not PEM with a certificate, its own one first, and its private key",
		good + otherKey:    "not PEM with a certificate, its own one first, and its private key",
		leaf + leafKey:     "not that of an authority",
		old + oldKey:       "was valid until ",
		reader + readerKey: "may not sign others",
	} {
		_, err := parseAuthority([]byte(text), time.Now())
		require.ErrorContains(t, err, want)
	}
}

func TestABadAuthorityEndsUpBeforeAnythingIsTouched(t *testing.T) {
	s, err := site.Parse("site.yaml", []byte(strings.Replace(hostedText, "storage:", "certificates: {ca: "+filepath.Join(t.TempDir(), "none.pem")+"}\nstorage:", 1)))
	require.NoError(t, err)
	s.Packages.Enable = append(s.Packages.Enable, "cert-manager-issuers")
	o := Options{Site: s, WorkDir: t.TempDir(), ControllerImage: "example.org/controller:v1"}
	out, err := Up(t.Context(), o)
	var file *SiteFileError
	require.ErrorAs(t, err, &file)
	require.Equal(t, "certificates.ca", file.Field)
	require.ErrorIs(t, err, os.ErrNotExist)
	require.Empty(t, out.Phases)
}

func TestSignersReachTheIssuers(t *testing.T) {
	for name, test := range map[string]struct {
		certificates string
		issuers      []string
	}{
		"none":       {"", nil},
		"selfSigned": {"certificates: {selfSigned: true}\n", nil},
		"acme":       {"certificates: {acme: {email: ops@example.org}}\n", []string{"letsencrypt-prod", "letsencrypt-stage"}},
		"other acme": {"certificates: {acme: {server: 'https://acme.example.org/d', email: ops@example.org}}\n", []string{"acme"}},
		"ca":         {"certificates: {ca: authority.pem}\n", []string{"custom-ca"}},
	} {
		for _, bundle := range []string{"paas-full", "distro-full"} {
			plan := resolved(t, "bundle: paas-full\n", "bundle: "+bundle+"\n"+test.certificates)
			objects := objectsOf(t, plan, "cert-manager-issuers")
			issuer, _ := controllerValues(t, plan)["issuer"].(string)
			require.Contains(t, objects, "ClusterIssuer/"+issuer, "%s: tenants are told one that is there", name)
			require.Equal(t, len(test.issuers) == 0, issuer == "selfsigned-cluster-issuer", name)
			require.Contains(t, objects, "ClusterIssuer/selfsigned-cluster-issuer", name)
			require.Len(t, objects, 1+len(test.issuers), name)
			for _, issuer := range test.issuers {
				switch own := objects["ClusterIssuer/"+issuer]; name {
				case "ca":
					require.Equal(t, authoritySecret, at(t, own, "spec", "ca", "secretName"))
				case "other acme":
					require.Equal(t, "https://acme.example.org/d", at(t, own, "spec", "acme", "server"))
					fallthrough
				default:
					require.Equal(t, "ops@example.org", at(t, own, "spec", "acme", "email"))
				}
			}
		}
	}
}

// What nobody takes is refused, all of it at once, with who would.
func TestWhatASiteSaysInVainIsRefused(t *testing.T) {
	text := strings.NewReplacer("[victoria-metrics-operator, monitoring-agents]", "[]", "storage:", "certificates: {acme: {}}\nstorage:").Replace(hostedText)
	s, err := site.Parse("site.yaml", []byte(text))
	require.NoError(t, err)
	_, err = ResolveBundle(s, "")
	var found *bundles.Problems
	require.ErrorAs(t, err, &found)
	require.Equal(t, "certificates.acme: no package that is installed takes it; enable cert-manager-issuers, or leave it out\n"+
		"storage.class: no package that is installed takes it; enable monitoring-agents, or leave it out", err.Error())

	s, err = site.Parse("site.yaml", []byte(strings.NewReplacer("paas-full", "distro-full\npackages: {disable: [metallb-pools]}",
		"vip:", "loadBalancer: 192.168.7.0/24, vip:").Replace(loopbackSite)))
	require.NoError(t, err)
	_, err = ResolveBundle(s, "")
	require.EqualError(t, err, "network.loadBalancer: no package that is installed takes it; enable metallb-pools or cilium-pools, or leave it out")
}
