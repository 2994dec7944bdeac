// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"helm.sh/helm/v3/pkg/action"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic/dynamicinformer"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/cache"
)

func TestAKubeconfigThatMayNotListIsToldSo(t *testing.T) {
	cluster := newFakeCluster(t, ready)
	cluster.client.PrependReactor("list", "helmreleases", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(releases().GroupResource(), "", errors.New("no such right"))
	})
	err := cluster.flux().Install(within(t, 30*time.Second), diamond(t), nil)
	forbidden := &ForbiddenError{}
	require.ErrorAs(t, err, &forbidden)
	require.ErrorContains(t, err, "watch helm releases: the kubeconfig may not list and watch helmreleases.helm.toolkit.fluxcd.io in all namespaces")
	require.Contains(t, forbidden.Hint(), "--resource=helmreleases.helm.toolkit.fluxcd.io")
}

func TestAWatchThatGetsNoAnswerEndsWithTheLastError(t *testing.T) {
	cluster := newFakeCluster(t, ready)
	cluster.client.PrependReactor("list", "helmreleases", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, errors.New("connection refused")
	})
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	informer := dynamicinformer.NewFilteredDynamicInformer(cluster.client, releases(), "", 0, cache.Indexers{}, nil).Informer()
	err := startSynced(ctx, &running, informer, releases().GroupResource(), 300*time.Millisecond)
	require.ErrorContains(t, err, "no answer within 300ms")
	require.ErrorContains(t, err, "connection refused")
	cancel()
	running.Wait()
}

func TestALookAtAnAPIThatDoesNotAnswerEndsWithItsContext(t *testing.T) {
	dead, asked := make(chan struct{}), make(chan struct{})
	defer close(dead)
	i := &inspector{helm: &Helm{open: func(string, string) (*action.Configuration, error) {
		close(asked)
		<-dead
		return nil, errors.New("no answer")
	}}}
	ctx, cancel := context.WithCancel(t.Context())
	go func() { <-asked; cancel() }()
	began := time.Now()
	require.False(t, i.look(ctx, suspect{Package: Package{Name: "a"}}).known)
	require.Less(t, time.Since(began), inspectionTimeout/2)
}
