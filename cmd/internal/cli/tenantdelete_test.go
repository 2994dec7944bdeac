// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"context"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// deletingCluster answers for an API server in which alpha goes when it was deleted and asked for a few times.
type deletingCluster struct {
	mu     sync.Mutex
	writes []string
	asked  int
}

func (d *deletingCluster) answer(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()

	w.Header().Set("Content-Type", "application/json")

	switch path := r.URL.Path; {
	case r.Method == http.MethodPatch || r.Method == http.MethodDelete:
		d.writes = append(d.writes, r.Method+" "+path)
		_, _ = w.Write([]byte(`{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Tenant", "metadata": {"name": "alpha", "namespace": "tenant-root"}}`))
	case path == "/apis/apps.cozystack.io/v1alpha1":
		_, _ = w.Write([]byte(`{"kind": "APIResourceList", "groupVersion": "apps.cozystack.io/v1alpha1", "resources": [
			{"name": "tenants", "kind": "Tenant", "namespaced": true}, {"name": "postgreses", "kind": "Postgres", "namespaced": true}]}`))
	case strings.HasSuffix(path, "/postgreses"):
		_, _ = w.Write([]byte(`{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "PostgresList", "items": [
			{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "Postgres", "metadata": {"namespace": "tenant-alpha", "name": "db"}}]}`))
	case path == "/api/v1/persistentvolumeclaims":
		_, _ = w.Write([]byte(`{"apiVersion": "v1", "kind": "PersistentVolumeClaimList", "items": [{"metadata": {"namespace": "tenant-alpha",
			"name": "data"}, "spec": {"resources": {"requests": {"storage": "10Gi"}}}}]}`))
	case len(d.writes) > 0 && strings.HasSuffix(path, "/tenants"):
		d.asked++
		d.answerLeft(w)
	default:
		answerTenants(w, r)
	}
}

func (d *deletingCluster) answerLeft(w http.ResponseWriter) {
	if d.asked > 1 {
		_, _ = w.Write([]byte(`{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "TenantList", "items": []}`))

		return
	}

	_, _ = w.Write([]byte(`{"apiVersion": "apps.cozystack.io/v1alpha1", "kind": "TenantList", "items": [
		{"metadata": {"namespace": "tenant-root", "name": "alpha"}, "status": {"namespace": "tenant-alpha", "conditions": [{"type": "Deleting",
			"status": "True", "reason": "DeletingApplications", "message": "waiting for Postgres db"}]}}]}`))
}

func TestATenantIsShownAndDeletedAndFollowed(t *testing.T) {
	d := &deletingCluster{}
	cluster := clusterOf(t, d.answer)

	code, out, err := run(t, "tenant", "delete", "alpha", "--kubeconfig", cluster, "--dry-run")
	require.Zero(t, code, err)

	for _, says := range []string{"Tenant tenant-alpha goes", "Postgres db", "data", "10Gi", "is lost"} {
		require.Contains(t, out, says)
	}

	code, _, err = run(t, "tenant", "delete", "alpha", "--kubeconfig", cluster)
	require.Equal(t, exitFailed, code)
	require.Contains(t, err, "Type tenant-alpha to go on")
	require.Contains(t, err, "not confirmed")
	require.Empty(t, d.writes, "nothing is done before somebody agreed")

	var stdout, stderr bytes.Buffer
	code = Run(t.Context(), Streams{In: strings.NewReader("tenant-alpha\n"), Out: &stdout, Err: &stderr}, "v",
		[]string{"tenant", "delete", "alpha", "--kubeconfig", cluster})
	require.Zero(t, code, stderr.String())
	require.Equal(t, "tenant tenant-alpha is gone, with all that was in it and below it\n", stdout.String())
	require.Contains(t, stderr.String(), "Left: 1 tenants.\n  tenant-alpha: waiting for Postgres db\n")

	const object = " /apis/apps.cozystack.io/v1alpha1/namespaces/tenant-root/tenants/alpha"
	require.Equal(t, []string{"PATCH" + object, "DELETE" + object}, d.writes)
}

func TestTheRootIsNotDeleted(t *testing.T) {
	code, _, err := run(t, "tenant", "delete", "root", "--yes", "--kubeconfig", clusterOf(t, answerTenants))
	require.Equal(t, exitFailed, code)
	require.Contains(t, err, "the root tenant can't be deleted")
}

func TestAnInterruptedDeletionSaysThatItGoesOn(t *testing.T) {
	var text bytes.Buffer
	PrintError(&text, nil, &unfollowedError{namespace: "tenant-alpha", err: context.Canceled})
	require.Contains(t, text.String(), "interrupted")
	require.Contains(t, text.String(), "goes on in the cluster. To follow it: cozy-install tenant delete tenant-alpha")
}
