// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"sync"
	"time"

	"k8s.io/klog/v2"
)

// maxReview bounds a request body; the apiserver's own limit for an object is 3 MiB, and a review may carry two.
const maxReview = 16 << 20

// startStandIn starts the simulated webhook server on a free loopback port and returns its address: it allows every
// admission review and converts objects by rewriting their apiVersion. It plays the webhook servers of pods that
// are not real; it says nothing about whether a real one would allow the object. It ends with ctx.
func startStandIn(ctx context.Context, cfg config) (string, error) {
	authority, err := tls.LoadX509KeyPair(cfg.file("webhook-ca.crt"), cfg.file("webhook-ca.key"))
	if err != nil {
		return "", fmt.Errorf("read the CA of the simulated webhook server: %w", err)
	}
	issuer := &certificateIssuer{authority: authority, issued: map[string]*tls.Certificate{}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for webhooks: %w", err)
	}
	server := &http.Server{
		Handler:           http.HandlerFunc(answerReview),
		TLSConfig:         &tls.Config{GetCertificate: issuer.certificate},
		ReadHeaderTimeout: 10 * time.Second,
	}
	go func() {
		<-ctx.Done()
		server.Close()
	}()
	go func() {
		if err := server.ServeTLS(listener, "", ""); ctx.Err() == nil {
			klog.ErrorS(err, "the simulated webhook server ended")
		}
	}()
	return listener.Addr().String(), nil
}

// certificateIssuer makes one certificate for each service name that the apiserver asks for ("svc.namespace.svc").
type certificateIssuer struct {
	authority tls.Certificate
	mu        sync.Mutex
	issued    map[string]*tls.Certificate
}

func (c *certificateIssuer) certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if known, ok := c.issued[hello.ServerName]; ok {
		return known, nil
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()),
		Subject:      pkix.Name{CommonName: "lab simulated webhook"},
		DNSNames:     []string{hello.ServerName},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().AddDate(1, 0, 0),
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, c.authority.Leaf, &key.PublicKey, c.authority.PrivateKey)
	if err != nil {
		return nil, fmt.Errorf("issue a certificate for %q: %w", hello.ServerName, err)
	}
	c.issued[hello.ServerName] = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
	return c.issued[hello.ServerName], nil
}

// review has what AdmissionReview and ConversionReview share on the wire.
type review struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Request    struct {
		UID               string           `json:"uid"`
		DesiredAPIVersion string           `json:"desiredAPIVersion"`
		Objects           []map[string]any `json:"objects"`
	} `json:"request"`
}

func answerReview(w http.ResponseWriter, r *http.Request) {
	var in review
	// An aggregated API is asked with GET and without a body: it ends here as well.
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxReview)).Decode(&in); err != nil {
		http.Error(w, "labplane: the pod behind this service is simulated and serves webhooks only", http.StatusNotImplemented)
		return
	}
	response := map[string]any{"uid": in.Request.UID}
	switch in.Kind {
	case "AdmissionReview":
		response["allowed"] = true
	case "ConversionReview":
		for _, object := range in.Request.Objects {
			object["apiVersion"] = in.Request.DesiredAPIVersion
		}
		response["convertedObjects"], response["result"] = in.Request.Objects, map[string]string{"status": "Success"}
	default:
		http.Error(w, fmt.Sprintf("labplane: no answer to a %q is simulated", in.Kind), http.StatusNotImplemented)
		return
	}
	klog.InfoS("simulated webhook answered", "kind", in.Kind, "service", r.TLS.ServerName, "path", r.URL.Path)
	w.Header().Set("Content-Type", "application/json")
	answer := map[string]any{"apiVersion": in.APIVersion, "kind": in.Kind, "response": response}
	if err := json.NewEncoder(w).Encode(answer); err != nil {
		klog.ErrorS(err, "answer a webhook call")
	}
}
