// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"time"

	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// certificateLife is far longer than any lab runs.
const certificateLife = 365 * 24 * time.Hour

// pki holds PEM files by the names under which labplane looks for them.
type pki struct {
	files map[string][]byte
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// newPKI makes three authorities (the cluster's, the front proxy's, the simulated webhooks'), the certificates they issue, and
// the key that signs ServiceAccount tokens. names are the addresses and DNS names of the API.
func newPKI(names []string) (*pki, error) {
	p := &pki{files: map[string][]byte{}}
	cluster, err := p.authority("ca")
	if err != nil {
		return nil, err
	}
	frontProxy, err := p.authority("front-proxy-ca")
	if err != nil {
		return nil, err
	}
	if _, err := p.authority("webhook-ca"); err != nil {
		return nil, err
	}
	server := &x509.Certificate{Subject: pkix.Name{CommonName: "kube-apiserver"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			server.IPAddresses = append(server.IPAddresses, ip)
		} else {
			server.DNSNames = append(server.DNSNames, name)
		}
	}
	if err := p.issue("apiserver", cluster, server); err != nil {
		return nil, err
	}
	for _, client := range []struct {
		file, name string
		groups     []string
		issuer     authority
	}{
		{"front-proxy-client", "front-proxy-client", nil, frontProxy},
		{"admin", "lab-admin", []string{"system:masters"}, cluster},
		{"kcm", "system:kube-controller-manager", nil, cluster},
		{"scheduler", "system:kube-scheduler", nil, cluster},
	} {
		template := &x509.Certificate{
			Subject:     pkix.Name{CommonName: client.name, Organization: client.groups},
			ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
		}
		if err := p.issue(client.file, client.issuer, template); err != nil {
			return nil, err
		}
	}
	key, err := p.key("sa")
	if err != nil {
		return nil, err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return nil, err
	}
	p.files["sa.pub"] = pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})
	return p, nil
}

func (p *pki) authority(name string) (authority, error) {
	key, err := p.key(name)
	if err != nil {
		return authority{}, err
	}
	template := &x509.Certificate{
		Subject: pkix.Name{CommonName: "lab-" + name}, IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	self := authority{certificate: template, key: key}
	der, err := self.sign(template, &key.PublicKey)
	if err != nil {
		return authority{}, fmt.Errorf("make the authority %s: %w", name, err)
	}
	p.files[name+".crt"] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	self.certificate, err = x509.ParseCertificate(der)
	return self, err
}

func (p *pki) issue(name string, issuer authority, template *x509.Certificate) error {
	key, err := p.key(name)
	if err != nil {
		return err
	}
	template.KeyUsage = x509.KeyUsageDigitalSignature
	der, err := issuer.sign(template, &key.PublicKey)
	if err != nil {
		return fmt.Errorf("issue the certificate %s: %w", name, err)
	}
	p.files[name+".crt"] = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return nil
}

func (p *pki) key(name string) (*ecdsa.PrivateKey, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("make the key %s: %w", name, err)
	}
	der, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("make the key %s: %w", name, err)
	}
	p.files[name+".key"] = pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der})
	return key, nil
}

// sign fills in what all certificates share.
func (a authority) sign(template *x509.Certificate, public *ecdsa.PublicKey) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return nil, err
	}
	template.SerialNumber = serial
	// An hour back: machines of the lab may have clocks of their own.
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(certificateLife)
	return x509.CreateCertificate(rand.Reader, template, a.certificate, public, a.key)
}

// kubeconfig is for the owner of the named client certificate.
func (p *pki) kubeconfig(name, server string) ([]byte, error) {
	return p.kubeconfigOf(name, server, "", &clientcmdapi.AuthInfo{
		ClientCertificateData: p.files[name+".crt"], ClientKeyData: p.files[name+".key"],
	})
}

// kubeconfigOf is for anybody. An empty namespace stands for "default".
func (p *pki) kubeconfigOf(name, server, namespace string, user *clientcmdapi.AuthInfo) ([]byte, error) {
	config := clientcmdapi.NewConfig()
	config.Clusters["lab"] = &clientcmdapi.Cluster{Server: server, CertificateAuthorityData: p.files["ca.crt"]}
	config.AuthInfos[name] = user
	config.Contexts["lab"] = &clientcmdapi.Context{Cluster: "lab", AuthInfo: name, Namespace: namespace}
	config.CurrentContext = "lab"
	return clientcmd.Write(*config)
}
