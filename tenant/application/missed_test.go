// SPDX-License-Identifier: Apache-2.0

package application_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/application"
)

func TestAServiceThatIsOnlyUsedIsNotWaitedForAndNotPassedOverInSilence(t *testing.T) {
	o := under(t, postgres(), condition("Ready", "True", "InstallSucceeded", ""))
	o.Definition.Spec.Needs, o.Definition.Spec.Keeps, o.Definition.Spec.Uses = nil, nil, []string{"monitoring"}
	provider := o.Tenant.Services[tenant.Monitoring].Namespace
	require.NotEmpty(t, provider)

	status := o.MakeStatus(application.Seen{Now: now()})
	require.Equal(t, map[string]string{"monitoring": provider}, status.Services, "it is a dependent of what it uses")

	services := meta.FindStatusCondition(status.Conditions, application.ConditionServicesReady)
	require.Equal(t, "True", string(services.Status))
	require.Empty(t, services.Message)
	require.Empty(t, o.Waits(nil))

	o.Tenant.Services[tenant.Monitoring] = tenant.Provision{Source: tenant.None}
	status = o.MakeStatus(application.Seen{Now: now()})
	require.Nil(t, status.Services)
	require.Empty(t, o.Waits(nil))

	services = meta.FindStatusCondition(status.Conditions, application.ConditionServicesReady)
	require.Equal(t, "True", string(services.Status))
	require.Equal(t, "no monitoring: neither this tenant nor one above it runs it; the application goes without", services.Message)
}
