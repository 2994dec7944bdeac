// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cozystack/cozy-install/bootstrap/wait"
)

// steadyAfter is how long a program must have run for its next end to count as its first.
const steadyAfter = 10 * time.Second

// runner runs the program of one pod.
type runner struct {
	pod       *corev1.Pod // as it was when the program was first started
	addresses map[string]string
	ready     atomic.Bool
	cancel    context.CancelFunc
}

// startRunner starts the pod's program, unless it runs already. life ends it, with everything else the kubelet does.
func (k *kubelet) startRunner(life context.Context, pod *corev1.Pod, program PodProgram) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.runners[podKey(pod)] != nil {
		return nil
	}
	addresses, err := podAddresses(life, pod, program.Ports)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(life)
	r := &runner{pod: pod, addresses: addresses, cancel: cancel}
	k.runners[podKey(pod)] = r
	k.group.Go(func() {
		defer cancel()
		k.keepRunning(ctx, r, program)
	})
	return nil
}

// stopRunner ends the program of the named pod, unless it is the one with the uid to keep.
func (k *kubelet) stopRunner(key string, keep types.UID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r := k.runners[key]; r != nil && r.pod.UID != keep {
		r.cancel()
		delete(k.runners, key)
	}
}

// keepRunning runs the program again and again, with a growing pause as a kubelet's crash loop has.
func (k *kubelet) keepRunning(ctx context.Context, r *runner, program PodProgram) {
	pauses := backoff.NewExponentialBackOff()
	pauses.InitialInterval, pauses.MaxInterval = 250*time.Millisecond, 10*time.Second
	for {
		started := time.Now()
		err := k.runOnce(ctx, r, program)
		if r.ready.Swap(false) && ctx.Err() == nil {
			err = errors.Join(err, k.setReady(ctx, r.pod, false))
		}
		if ctx.Err() != nil {
			return
		}
		if time.Since(started) > steadyAfter {
			pauses.Reset()
		}
		pause := pauses.NextBackOff()
		k.plane.log.Warn("the program of a pod ended", "pod", podKey(r.pod), "again", pause.Round(time.Millisecond), "error", err)
		timer := time.NewTimer(pause)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// runOnce returns when the program has ended, because of ctx or by itself.
func (k *kubelet) runOnce(ctx context.Context, r *runner, program PodProgram) error {
	env, err := k.podEnv(ctx, r.pod, r.addresses)
	if err != nil {
		return err
	}
	cmd := program.Command(env)
	if cmd.Dir == "" {
		cmd.Dir = env.Dir
	}
	if cmd.Env == nil {
		cmd.Env = env.Env
	}
	proc, err := k.plane.startProcess("pod-"+r.pod.Namespace+"-"+r.pod.Name, cmd)
	if err != nil {
		return err
	}
	alive, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() { // ends with the process, which stop below sees to
		<-proc.exited
		cancel(proc.failure())
	}()
	if err := k.becomeReady(alive, r); err != nil {
		cancel(err)
	}
	<-alive.Done()
	if err := proc.stop(stopGrace); err != nil {
		return err
	}
	return context.Cause(alive)
}

// becomeReady waits for the program's readiness and says so. A program that is never ready keeps its pod from running.
func (k *kubelet) becomeReady(ctx context.Context, r *runner) error {
	err := wait.Until(ctx, wait.Check{
		Title: "the program of pod " + podKey(r.pod), Interval: 100 * time.Millisecond, ProbeTimeout: 5 * time.Second,
		Probe: func(ctx context.Context) error { return probeProgram(ctx, r.pod, r.addresses) },
	})
	if err != nil {
		return err
	}
	current, err := k.pods.Pods(r.pod.Namespace).Get(r.pod.Name)
	if err != nil {
		return err
	}
	r.ready.Store(true)
	k.plane.log.Info("the program of a pod is ready", "pod", podKey(r.pod), "addresses", r.addresses)
	if current.Status.PodIP != "" {
		return k.setReady(ctx, r.pod, true)
	}
	return k.markStarted(ctx, current)
}

// probeProgram asks the first HTTP readiness probe of the pod that is on a named port, else dials the named ports of its containers.
func probeProgram(ctx context.Context, pod *corev1.Pod, addresses map[string]string) error {
	var dialer net.Dialer
	for _, container := range pod.Spec.Containers {
		if probe := container.ReadinessProbe; probe != nil && probe.HTTPGet != nil && probe.HTTPGet.Scheme != corev1.URISchemeHTTPS {
			if address := addresses[probe.HTTPGet.Port.StrVal]; address != "" {
				return probeHTTP(ctx, "http://"+address+probe.HTTPGet.Path)
			}
		}
		for _, port := range container.Ports {
			if address := addresses[port.Name]; address != "" {
				conn, err := dialer.DialContext(ctx, "tcp", address)
				if err != nil {
					return err
				}
				conn.Close()
			}
		}
	}
	return nil
}

func probeHTTP(ctx context.Context, url string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 400 {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 512))
		return fmt.Errorf("%s answers %s: %s", url, resp.Status, body)
	}
	return nil
}
