// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/manifests"
)

// listTimeout bounds one look at the charts that the cluster keeps.
const listTimeout = 10 * time.Second

// chartServer serves our own charts, and beside them those that the installer has put into ConfigMaps: they are made of
// plain manifests on the bastion, so that the cluster need not reach the manifests' servers.
type chartServer struct {
	own       *manifests.Repository
	client    kubernetes.Interface
	namespace string // of the ConfigMaps
	log       *slog.Logger

	lock sync.Mutex
	seen string                // names and versions of the ConfigMaps that last is made of
	last *manifests.Repository // nil: none was made yet
}

// ServeHTTP answers for the charts as they are now. While the cluster does not answer, charts that were there before are
// served, and before that nothing but our own archives: an index without charts that exist would mislead Flux.
func (s *chartServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	charts, err := s.charts(r.Context())
	switch {
	case err == nil:
	case charts != nil:
		s.log.WarnContext(r.Context(), "serving charts as they were", "error", err.Error())
	case strings.HasSuffix(r.URL.Path, ".tgz"):
		charts = s.own
	default:
		s.log.ErrorContext(r.Context(), "can't tell which charts there are", "error", err.Error())
		w.Header().Set("Retry-After", "5")
		http.Error(w, "the cluster does not say which charts there are", http.StatusServiceUnavailable)
		return
	}
	charts.ServeHTTP(w, r)
}

// charts returns the charts as they are; with an error, as they were before, or nil.
func (s *chartServer) charts(ctx context.Context) (*manifests.Repository, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeout)
	defer cancel()
	list, err := s.client.CoreV1().ConfigMaps(s.namespace).List(ctx, metav1.ListOptions{LabelSelector: bundles.ChartLabel})
	s.lock.Lock()
	defer s.lock.Unlock()
	if err != nil {
		return s.last, fmt.Errorf("list the charts in namespace %s: %w", s.namespace, err)
	}
	var seen strings.Builder
	archives := make([][]byte, 0, len(list.Items))
	for _, item := range list.Items {
		fmt.Fprintf(&seen, "%s %s %s\n", item.Name, item.UID, item.ResourceVersion)
		archives = append(archives, item.BinaryData[bundles.ChartKey])
	}
	if s.last != nil && s.seen == seen.String() {
		return s.last, nil
	}
	made, err := s.own.With(archives...)
	if err != nil {
		return s.last, fmt.Errorf("charts in namespace %s: %w", s.namespace, err)
	}
	s.seen, s.last = seen.String(), made
	return made, nil
}
