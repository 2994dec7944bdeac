// SPDX-License-Identifier: Apache-2.0

package tenant_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cozystack/cozy-install/tenant"
)

func TestHostIsInheritedUnlessSet(t *testing.T) {
	resolved := resolveAll(t, root(),
		in("tenant-root", "foo"), in("tenant-foo", "bar"), in("tenant-foo-bar", "deep"),
		in("tenant-root", "own", host("example.com")), in("tenant-own", "child"),
	)

	for namespace, want := range map[string]string{
		"tenant-root": "example.org", "tenant-foo": "foo.example.org", "tenant-foo-bar": "bar.foo.example.org",
		"tenant-foo-bar-deep": "deep.bar.foo.example.org", "tenant-own": "example.com", "tenant-own-child": "child.example.com",
	} {
		require.Equal(t, want, resolved[namespace].Host, namespace)
	}
}

func TestChangingAHostMovesInheritedHostsOnly(t *testing.T) {
	tree := []tenant.Tenant{
		root(), in("tenant-root", "foo", host("foo.example.net")),
		in("tenant-foo", "moves"), in("tenant-foo", "stays", host("stays.example.com")),
	}
	resolved := resolveAll(t, tree...)

	require.Equal(t, "moves.foo.example.net", resolved["tenant-foo-moves"].Host)
	require.Equal(t, "stays.example.com", resolved["tenant-foo-stays"].Host)
}

func TestWithoutADomainAtTheRootNobodyHasAHost(t *testing.T) {
	resolved := resolveAll(t, root(host("")), in("tenant-root", "foo"), in("tenant-foo", "bar", host("bar.org")))

	require.Empty(t, resolved["tenant-root"].Host)
	require.Empty(t, resolved["tenant-foo"].Host)
	require.Equal(t, "bar.org", resolved["tenant-foo-bar"].Host)
}

func TestHostsAreOwned(t *testing.T) {
	// foo.example.org and below is foo's, the rest of example.org is root's, example.com nobody's.
	foo, bar := in("tenant-root", "foo"), in("tenant-root", "bar")

	for name, tc := range map[string]struct {
		newcomer tenant.Tenant
		reason   tenant.Reason
		holder   string
	}{
		"nobody's":                    {in("tenant-root", "new", host("example.com")), "", ""},
		"below the root's":            {in("tenant-root", "new", host("shop.example.org")), "", ""},
		"well below the root's":       {in("tenant-root", "new", host("a.b.example.org")), "", ""},
		"below an ancestor's":         {in("tenant-foo", "new", host("shop.foo.example.org")), "", ""},
		"below a far ancestor's":      {in("tenant-foo", "new", host("shop.example.org")), "", ""},
		"no dot-suffix":               {in("tenant-root", "new", host("xfoo.example.org")), "", ""},
		"a sibling's":                 {in("tenant-root", "new", host("foo.example.org")), tenant.HostTaken, "tenant-foo"},
		"below a sibling's":           {in("tenant-root", "new", host("x.foo.example.org")), tenant.HostTaken, "tenant-foo"},
		"below a cousin's":            {in("tenant-bar", "new", host("x.foo.example.org")), tenant.HostTaken, "tenant-foo"},
		"the parent's":                {in("tenant-foo", "new", host("foo.example.org")), tenant.HostTaken, "tenant-foo"},
		"the root's":                  {in("tenant-foo", "new", host("example.org")), tenant.HostTaken, "tenant-root"},
		"above the root's":            {in("tenant-root", "new", host("org")), tenant.HostTaken, "tenant-root"},
		"a service's of an ancestor":  {in("tenant-foo", "new", host("grafana.foo.example.org")), tenant.HostReserved, ""},
		"a service's with a dash":     {in("tenant-root", "new", host("vm-exportproxy.example.org")), tenant.HostReserved, ""},
		"an application's there":      {in("tenant-foo", "new", host("kubernetes-prod.foo.example.org")), tenant.HostReserved, ""},
		"an application's far above":  {in("tenant-foo", "new", host("postgres-db.example.org")), tenant.HostReserved, ""},
		"below an application's":      {in("tenant-foo", "new", host("x.kubernetes-prod.foo.example.org")), tenant.HostReserved, ""},
		"a dash well below":           {in("tenant-foo", "new", host("eu-1.shop.foo.example.org")), "", ""},
		"a dash elsewhere":            {in("tenant-foo", "new", host("kubernetes-prod.example.com")), "", ""},
		"below a service's":           {in("tenant-foo", "new", host("x.grafana.foo.example.org")), tenant.HostReserved, ""},
		"a service's label elsewhere": {in("tenant-root", "new", host("grafana.example.com")), "", ""},
		"upper case":                  {in("tenant-root", "new", host("Example.com")), tenant.HostInvalid, ""},
		"a wildcard":                  {in("tenant-root", "new", host("*.example.com")), tenant.HostInvalid, ""},
		"a dot at the end":            {in("tenant-root", "new", host("example.com.")), tenant.HostInvalid, ""},
		"an address":                  {in("tenant-root", "new", host("10.0.0.1")), tenant.HostInvalid, ""},
		"a dash at an end":            {in("tenant-root", "new", host("a-.example.com")), tenant.HostInvalid, ""},
		"a label of 64":               {in("tenant-root", "new", host(strings.Repeat("a", 64)+".org")), tenant.HostInvalid, ""},
		"a label of 63":               {in("tenant-root", "new", host(strings.Repeat("a", 63)+".org")), "", ""},
		"254 characters":              {in("tenant-root", "new", host(strings.Repeat("a.", 125)+"aaaa")), tenant.HostInvalid, ""},
	} {
		t.Run(name, func(t *testing.T) {
			newcomer := tc.newcomer
			newcomer.Created = at(9)

			_, refused := tenant.Resolve([]tenant.Tenant{newcomer, bar, foo, root()})
			if tc.reason == "" {
				require.Empty(t, refused)

				return
			}

			require.Len(t, refused, 1)
			require.Equal(t, newcomer.Key(), refused[0].Tenant)
			require.Equal(t, tc.reason, refused[0].Reason)
			require.Equal(t, tc.holder, refused[0].Holder)
			require.ErrorContains(t, refused[0], "spec.host: \""+newcomer.Host+"\": ")
			require.NotContains(t, refused[0].Error(), "tenant-", "a tenant may not learn who holds a host")
			require.NotEmpty(t, refused[0].Hint())
		})
	}
}

// Who had such a host before it was refused keeps it, and gets it nowhere else.
func TestAHostWithADashStaysWithWhoHasIt(t *testing.T) {
	held := func(was string, isSettled bool) change {
		return func(t *tenant.Tenant) { t.HoldsHost, t.IsSettled = was, isSettled }
	}

	for name, tc := range map[string]struct {
		was       change
		isRefused bool
	}{
		"it has it":               {held("shop-eu.example.org", true), false},
		"it has another":          {held("shop-us.example.org", true), true},
		"it has none":             {held("", true), true},
		"it was not accepted yet": {held("shop-eu.example.org", false), true},
	} {
		_, refused := tenant.Resolve([]tenant.Tenant{root(), in("tenant-root", "a", host("shop-eu.example.org"), tc.was)})
		require.Equal(t, tc.isRefused, len(refused) > 0, name)
	}
}

// A host that becomes too long by inheritance is refused as one that was set.
func TestInheritedHostMayBeTooLong(t *testing.T) {
	near := strings.TrimSuffix(strings.Repeat("a.", 124), ".") + "bcd"

	_, refused := tenant.Resolve([]tenant.Tenant{root(host(near)), in("tenant-root", "short"), in("tenant-root", "a")})
	require.Equal(t, map[string]tenant.Reason{"tenant-root/short": tenant.HostInvalid}, reasonsOf(refused))
}

func TestOfTwoConflictingTenantsTheOlderWins(t *testing.T) {
	uid := func(uid types.UID) change { return func(t *tenant.Tenant) { t.UID = uid } }
	settled := func(t *tenant.Tenant) { t.IsSettled = true }

	for name, tc := range map[string]struct {
		tree  []tenant.Tenant
		loses string
	}{
		"one host, one is older": {[]tenant.Tenant{
			in("tenant-root", "young", host("b.com"), born(2)), in("tenant-root", "old", host("b.com"), born(1)),
		}, "tenant-root/young"},
		"one host, one second, the lower UID": {[]tenant.Tenant{
			in("tenant-root", "x", host("b.com"), uid("2")), in("tenant-root", "y", host("b.com"), uid("1")),
		}, "tenant-root/x"},
		"one host, one second, one accepted before": {[]tenant.Tenant{
			in("tenant-root", "x", host("b.com"), uid("2"), settled), in("tenant-root", "y", host("b.com"), uid("1")),
		}, "tenant-root/y"},
		"one host, the older although the younger was accepted before": {[]tenant.Tenant{
			in("tenant-root", "x", host("b.com"), born(2), settled), in("tenant-root", "y", host("b.com"), born(1)),
		}, "tenant-root/x"},
		"the upper is younger": {[]tenant.Tenant{
			in("tenant-root", "upper", host("b.com"), born(2)), in("tenant-root", "lower", host("a.b.com"), born(1)),
		}, "tenant-root/upper"},
		"the lower is younger": {[]tenant.Tenant{
			in("tenant-root", "upper", host("b.com"), born(1)), in("tenant-root", "lower", host("a.b.com"), born(2)),
		}, "tenant-root/lower"},
		"an inherited host was set by an older one": {[]tenant.Tenant{
			in("tenant-root", "shop", born(2)), in("tenant-root", "old", host("shop.example.org"), born(1)),
		}, "tenant-root/shop"},
		"a child restored with an older date than its parent counts as young as the parent": {[]tenant.Tenant{
			in("tenant-root", "restored", born(5)), in("tenant-restored", "child", host("b.com"), born(1)),
			in("tenant-root", "mid", host("b.com"), born(3)),
		}, "tenant-restored/child"},
		"a child never beats its own parent": {[]tenant.Tenant{
			in("tenant-root", "parent", host("b.com"), born(5)), in("tenant-parent", "child", host("b.com"), born(1)),
		}, "tenant-parent/child"},
	} {
		t.Run(name, func(t *testing.T) {
			_, refused := tenant.Resolve(append(tc.tree, root()))
			require.Equal(t, map[string]tenant.Reason{tc.loses: tenant.HostTaken}, reasonsOf(refused))
		})
	}
}

func TestFiftyConflictingTenantsLeaveOne(t *testing.T) {
	tree := []tenant.Tenant{root()}
	for i := range 50 {
		tree = append(tree, in("tenant-root", "t"+strings.Repeat("x", i), host("b.com")))
	}

	resolved, refused := tenant.Resolve(tree)
	require.Len(t, resolved, 2)
	require.Len(t, refused, 49)
}
