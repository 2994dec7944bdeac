// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	clienttesting "k8s.io/client-go/testing"
)

func TestLINSTORIsHealthyWithThePoolsOfTheNodesThatAnswer(t *testing.T) {
	p, ok := load(t, Data()).Package("linstor")
	require.True(t, ok)
	at := len(p.Health.Conditions) - 1
	target := healthTarget{condition: p.Health.Conditions[at]}
	satellite := func(name, available, configured string) string {
		return "metadata: {name: " + name + "}\nstatus: {conditions: [{type: Available, status: '" + available + "'}, {type: Configured, status: '" +
			configured + "', reason: Error, message: no such device}]}"
	}
	for name, test := range map[string]struct {
		satellites []string
		want       string
	}{
		"none":              {nil, "LinstorSatellite: there is none yet"},
		"none answers":      {[]string{"metadata: {name: n1}", satellite("n2", "False", "Unknown")}, "LinstorSatellite: of none is condition Available True yet"},
		"one is away":       {[]string{satellite("n1", "True", "True"), satellite("n2", "False", "Unknown")}, ""},
		"one has no pool":   {[]string{satellite("n1", "True", "True"), satellite("n2", "True", "False")}, "LinstorSatellite n2: condition Configured is False, not True: Error: no such device"},
		"nothing said yet":  {[]string{satellite("n1", "True", "Unknown")}, "LinstorSatellite n1: condition Configured is Unknown, not True: Error: no such device"},
		"all of them do it": {[]string{satellite("n1", "True", "True"), satellite("n2", "True", "True")}, ""},
	} {
		var objects []*unstructured.Unstructured
		for _, object := range fromYAML(t, test.satellites...) {
			objects = append(objects, &unstructured.Unstructured{Object: object})
		}
		require.Equal(t, test.want, target.judge(objects).String(), name)
	}
}

func TestWhatIsLiveIsWaitedFor(t *testing.T) {
	plan := planOf(t, "z", pkg("z", "provides: [{name: "+things+", from: chart}]"), pkg("a", "needs: ["+things+"]",
		"health: {conditions: [{apiVersion: example.org/v1, kind: Thing, live: true, condition: Available}]}"))
	cluster := operatedCluster(t, "Namespaced")
	heard := &listener{}
	require.NoError(t, cluster.flux().Install(within(t, 20*time.Second), plan, func(s PackageStatus) {
		heard.hear(s)
		switch s.Object.Why {
		case "there is none yet":
			cluster.say("cozy-a", lateThing)
		case "condition Available is False, not True: Error: no route to it":
			require.Equal(t, "x", s.Object.Name)
			cluster.say("cozy-a", goodThing)
		}
	}))
	require.Equal(t, []State{StateInstalling, StateReady}, heard.of("a"))
}

func TestAWatchThatIsForbiddenIsSaidAndTriedAgain(t *testing.T) {
	for name, verbs := range map[string][]string{"all": {"list", "watch", "get"}, "only reading": {"list", "watch"}} {
		cluster := operatedCluster(t, "Namespaced")
		cluster.say("cozy-a", goodThing)
		allowed := make(chan struct{})
		for _, verb := range verbs {
			cluster.client.PrependReactor(verb, "things", func(clienttesting.Action) (bool, runtime.Object, error) {
				select {
				case <-allowed:
					return false, nil, nil
				default:
					return true, nil, apierrors.NewForbidden(thingsResource().GroupResource(), "x", nil)
				}
			})
		}
		said := false
		require.NoError(t, cluster.flux().Install(within(t, time.Minute), operated(t), func(s PackageStatus) {
			if s.Name == "a" && s.Object.Why != "" && s.Object.Why != "nothing is known of it yet" && !said {
				said = true
				require.Contains(t, s.Object.Why, `things.example.org "x" is forbidden`, name)
				close(allowed)
			}
		}), name)
		require.Equal(t, len(verbs) == 3, said, name)
	}
}

func TestLiveConditionsAreChecked(t *testing.T) {
	_, err := Load(tree(set("a", "a"), pkg("a", "provides: [{name: "+things+", from: chart}]",
		"health: {conditions: [{apiVersion: example.org/v1, kind: Thing, name: x, live: true, condition: A}, "+
			"{apiVersion: example.org/v1, kind: Thing, among: B, condition: A}, {apiVersion: example.org/v1, kind: Thing, live: true, among: B, condition: A}]}")))
	require.Equal(t, []string{
		"packages/a.yaml: health.conditions[0].live: true: stands beside a name: only one of the two",
		`packages/a.yaml: health.conditions[1].among: "B": not the type of a condition of what is live`,
	}, problems(t, err)[:2])
}
