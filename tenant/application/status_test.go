// SPDX-License-Identifier: Apache-2.0

package application_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/cozystack/cozy-install/tenant"
	definition "github.com/cozystack/cozy-install/tenant/api/definition/v1alpha1"
	"github.com/cozystack/cozy-install/tenant/application"
)

func now() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 600, time.UTC) }

func yes(application.Provider) bool { return true }

// condition is one of a HelmRelease, for its generation 2.
func condition(kind, status, reason, message string) any {
	return map[string]any{
		"type": kind, "status": status, "reason": reason, "message": message,
		"observedGeneration": int64(2), "lastTransitionTime": "2026-01-01T00:00:00Z",
	}
}

// under is an application whose HelmRelease Flux says these things of.
func under(t *testing.T, of *definition.ApplicationDefinition, conditions ...any) application.Object {
	t.Helper()

	o := object(of, "db", map[string]any{"replicas": int64(3)})

	release, err := o.MakeRelease()
	require.NoError(t, err)

	release.SetGeneration(2)
	release.Object["status"] = map[string]any{
		"observedGeneration": int64(2), "lastAttemptedRevision": "1.2.3+abc", "conditions": conditions,
		"history": []any{map[string]any{"chartVersion": "1.2.3+abc", "status": "deployed"}},
	}
	o.Release = release

	return o
}

func TestStatusInTheApplicationsWords(t *testing.T) {
	const helms = "Helm install failed for release tenant-alpha/postgres-db with chart postgres@1.2.3: timed out\nwaiting"

	isReady := condition("Ready", "True", "InstallSucceeded", "Helm install succeeded")

	for _, c := range []struct {
		name            string
		conditions      []any
		alter           func(*application.Object)
		reason, message string
	}{
		{"ready", []any{isReady}, nil, "Ready", ""},
		{"nothing yet", nil, func(o *application.Object) { o.Release = nil }, "Progressing", "the application is not released yet"},
		{"Flux has not looked", nil, nil, "Progressing", "the release is being made: nothing more is known"},
		{
			"under way",
			[]any{condition("Ready", "Unknown", "Progressing", "Running 'install' action")},
			nil,
			"Progressing", "the release is being made: Running 'install' action",
		},
		{
			"said of another generation",
			[]any{isReady},
			func(o *application.Object) { o.Release.SetGeneration(3) },
			"Progressing", "the release is being made: nothing more is known",
		},
		{
			"a change of the spec",
			[]any{isReady},
			func(o *application.Object) { o.Resource.Object["spec"] = map[string]any{"replicas": int64(4)} },
			"Progressing", "a change is to be released",
		},
		{
			"a change of the tenant",
			[]any{isReady},
			func(o *application.Object) { o.Tenant.Host = "other.example.org" },
			"Progressing", "a change is to be released",
		},
		{
			"a new version of the chart",
			[]any{isReady},
			func(o *application.Object) { o.Platform.ChartVersions = map[string]string{"postgres": "2.0.0"} },
			"Progressing", "version 2.0.0 of the chart is to be released",
		},
		{"the chart of before", []any{isReady}, func(o *application.Object) {
			o.Release.Object["status"].(map[string]any)["lastAttemptedRevision"] = "1.2.3+old"
		}, "Progressing", "version 1.2.3+abc of the chart is to be released"},
		{
			"no install",
			[]any{condition("Ready", "False", "InstallFailed", helms), condition("Released", "False", "InstallFailed", helms)},
			nil,
			"InstallFailed", "the application could not be installed: timed out waiting",
		},
		{
			"between two attempts",
			[]any{condition("Ready", "False", "ProgressingWithRetry", "next in 1m"), condition("Released", "False", "UpgradeFailed", "Helm upgrade failed for release a/b with chart c: no")},
			nil,
			"UpgradeFailed", "the application could not be changed: no",
		},
		{"no chart", []any{condition("Ready", "False", "ArtifactFailed", "no such chart")}, nil, "ChartMissing", "the chart can't be had: no such chart"},
		{"the chart is on its way", []any{condition("Ready", "False", "SourceNotReady", "not ready")}, nil, "ChartMissing", "the chart can't be had: not ready"},
		{"stalled", []any{isReady, condition("Stalled", "True", "X", "given up")}, nil, "Failed", "given up"},
		{"something else", []any{condition("Ready", "False", "Other", "x")}, nil, "Failed", "x"},
		{
			"suspended",
			[]any{isReady},
			func(o *application.Object) { o.Release.Object["spec"].(map[string]any)["suspend"] = true },
			"Suspended", "the HelmRelease is suspended: changes have no effect",
		},
		{
			"the release goes",
			[]any{isReady},
			func(o *application.Object) { at := metav1.Now(); o.Release.SetDeletionTimestamp(&at) },
			"Deleting", "the release is being removed: Helm install succeeded",
		},
		{
			"it goes",
			[]any{isReady},
			func(o *application.Object) { at := metav1.Now(); o.Resource.SetDeletionTimestamp(&at) },
			"Deleting", "the application is being deleted",
		},
		{"a status that can't be read", []any{"x"}, nil, "Failed", "read HelmRelease tenant-alpha/postgres-db"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := under(t, postgres(), c.conditions...)
			if c.alter != nil {
				c.alter(&o)
			}

			ready := o.MakeStatus(application.Seen{IsReady: yes, Now: now()}).Conditions[0]
			require.Equal(t, "Ready", ready.Type)
			require.Equal(t, c.reason, ready.Reason)
			require.Equal(t, c.reason == "Ready", ready.Status == metav1.ConditionTrue)
			require.Equal(t, int64(3), ready.ObservedGeneration)

			if c.name == "a status that can't be read" {
				require.Contains(t, ready.Message, c.message)
			} else {
				require.Equal(t, c.message, ready.Message)
			}
		})
	}
}

func TestStatusSaysWhatUsersNeed(t *testing.T) {
	o := under(t, postgres(), condition("Ready", "True", "InstallSucceeded", ""))
	status := o.MakeStatus(application.Seen{IsReady: yes, Now: now()})

	require.Equal(t, "1.2.3+abc", status.Version)
	require.Equal(t, "postgres-db", status.Release)
	require.Equal(t, int64(3), status.ObservedGeneration)
	require.Equal(t, map[string]string{"etcd": "tenant-alpha", "monitoring": "tenant-root"}, status.Services, "those it uses, not all")
	require.Equal(t, []application.Credential{{Secret: "postgres-db-credentials", Description: "users and passwords of db"}}, status.Credentials)

	props := crdOf(t, postgres(), `{"properties":{}}`).Spec.Versions[0].Schema.OpenAPIV3Schema.Properties["status"]
	require.Empty(t, newServer(t, &props).refuses(clone(status)))

	// Written and read back, it is the same an hour later; and a new time is set only where something changed.
	o.Resource.Object["status"] = clone(status)
	later := o.MakeStatus(application.Seen{IsReady: yes, Now: now().Add(time.Hour)})
	require.JSONEq(t, string(marshal(t, status)), string(marshal(t, later)))

	broken := o.MakeStatus(application.Seen{IsReady: func(application.Provider) bool { return false }, Now: now().Add(time.Hour)})
	require.Equal(t, now().Add(time.Hour).Truncate(time.Second), broken.Conditions[0].LastTransitionTime.UTC())
	require.Equal(t, now().Truncate(time.Second), meta.FindStatusCondition(broken.Conditions, "Released").LastTransitionTime.UTC())
}

func TestAFailedUpgradeRunsTheVersionBefore(t *testing.T) {
	o := under(t, postgres(), condition("Ready", "False", "UpgradeFailed", "x"))
	o.Release.Object["status"].(map[string]any)["history"] = []any{
		map[string]any{"chartVersion": "1.2.3+abc", "status": "failed"}, map[string]any{"chartVersion": "1.2.2", "status": "superseded"},
	}

	require.Equal(t, "1.2.2", o.MakeStatus(application.Seen{IsReady: yes, Now: now()}).Version)
}

func TestWaitingForServices(t *testing.T) {
	o := under(t, postgres(), condition("Ready", "True", "InstallSucceeded", ""))
	etcdIsDown := func(p application.Provider) bool { return p.Service != tenant.Etcd }

	ready := func(seen application.Seen) metav1.Condition { return o.MakeStatus(seen).Conditions[0] }

	require.Empty(t, o.Waits(yes))
	require.Equal(t, []string{"etcd of tenant-alpha is not ready"}, o.Waits(etcdIsDown))
	require.Equal(t, application.ReasonWaitingForService, ready(application.Seen{IsReady: etcdIsDown}).Reason)
	require.Equal(t, "etcd of tenant-alpha is not ready", ready(application.Seen{IsReady: etcdIsDown}).Message)

	o.Tenant.Services[tenant.Monitoring] = tenant.Provision{Source: tenant.None}
	o.Release = nil
	require.Equal(t, []string{"no monitoring: neither this tenant nor one above it runs it", "etcd of tenant-alpha is not ready"}, o.Waits(etcdIsDown))

	plain := under(t, postgres(), condition("Ready", "True", "InstallSucceeded", ""))
	plain.Definition.Spec.Needs, plain.Definition.Spec.Keeps = nil, nil
	require.Empty(t, plain.Waits(func(application.Provider) bool { return false }))
	require.Nil(t, meta.FindStatusCondition(plain.MakeStatus(application.Seen{IsReady: yes}).Conditions, "ServicesReady"))
}

func TestAMovedServiceIsTold(t *testing.T) {
	o := under(t, postgres(), condition("Ready", "True", "InstallSucceeded", ""))
	require.Nil(t, meta.FindStatusCondition(o.MakeStatus(application.Seen{IsReady: yes}).Conditions, "ServiceMoved"))

	for to, want := range map[string]string{
		"tenant-root": "the application stays with etcd of tenant-alpha, where its data is; the tenant has that of tenant-root",
		"":            "the application stays with etcd of tenant-alpha, where its data is; the tenant has none any more",
	} {
		o.Tenant.Services[tenant.Etcd] = tenant.Provision{Source: tenant.Inherited, Namespace: to}
		status := o.MakeStatus(application.Seen{IsReady: yes})

		moved := meta.FindStatusCondition(status.Conditions, "ServiceMoved")
		require.NotNil(t, moved)
		require.Equal(t, want, moved.Message)
		require.Equal(t, metav1.ConditionTrue, status.Conditions[0].Status, "it is no fault")
		require.Equal(t, "tenant-alpha", status.Services["etcd"])
	}
}

func TestHealthIsJudgedWhereItIsAskedFor(t *testing.T) {
	of := postgres()
	of.Spec.Release.HealthCheckExprs = []definition.HealthCheckExpr{{APIVersion: "v1", Kind: "Cluster", Current: "true"}}
	o := under(t, of, condition("Ready", "True", "InstallSucceeded", ""))

	for _, c := range []struct {
		health *application.Health
		reason string
	}{
		{nil, application.ReasonNotJudged},
		{&application.Health{Message: "Cluster db has not enough replicas"}, application.ReasonUnhealthy},
		{&application.Health{IsHealthy: true}, application.ConditionReady},
	} {
		status := o.MakeStatus(application.Seen{IsReady: yes, Health: c.health, Now: now()})
		require.Equal(t, c.reason, status.Conditions[0].Reason)
		require.True(t, meta.IsStatusConditionTrue(status.Conditions, "Released"))
	}
}
