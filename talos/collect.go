// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"
	"time"

	"github.com/siderolabs/go-talos-support/support/bundle"
	"github.com/siderolabs/go-talos-support/support/collectors"
	"github.com/siderolabs/talos/pkg/machinery/client"
	"github.com/siderolabs/talos/pkg/machinery/resources/k8s"
	"github.com/siderolabs/talos/pkg/machinery/resources/runtime"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
)

const (
	// fileTimeout bounds one file: a node that hangs in one call may answer the next.
	fileTimeout = 30 * time.Second
	// maxCollected bounds what all files of one node may hold. A quiet node has about 5 MiB of logs and resources.
	maxCollected = 128 << 20
)

// Found is one file of what a node tells about itself, or why there is none.
type Found struct {
	// Path is below the node: "service-logs/etcd.log". Where there is no data, it may lack the directory.
	Path string
	// Data may hold secrets: a node logs what it likes. See [Scrubber].
	Data []byte
	// Cut says that the node sent more than is kept: Data ends with the last whole line before the limit.
	Cut bool
	// Withheld says that the node has no such thing or does not show it to us, or that it would be a secret: Err tells
	// which, and nothing is wrong.
	Withheld bool
	Err      error
}

// Collect gives what a node tells about itself for a support bundle, file by file: kernel log, services and their logs,
// logs of the pods of kube-system, processes, mounts and every Talos resource but those that hold secrets. It works in
// maintenance mode too, as far as the node lets everybody read. Each file takes half a minute at most; ctx should bound
// the whole. The error says why nothing at all could be had, or why the rest is missing.
func (c *Client) Collect(ctx context.Context, keep func(Found)) error {
	var tap tap

	api, err := connect(ctx, c.addr, c.config,
		grpc.WithChainStreamInterceptor(tap.stream), grpc.WithChainUnaryInterceptor(tap.unary))
	if err != nil {
		return err
	}
	defer api.Close()

	list, err := tap.list(ctx, api)
	if err != nil {
		return c.fail(ctx, "list what the node has", err, nil)
	}

	for _, missing := range tap.missing {
		keep(missing)
	}

	total := 0

	for i, one := range list {
		if ctx.Err() != nil || total > maxCollected {
			return c.fail(ctx, fmt.Sprintf("collect %d of %d files", i, len(list)), rest(ctx), nil)
		}

		for _, file := range tap.collect(ctx, api, one) {
			total += len(file.Data)

			keep(file)
		}
	}

	return nil
}

// rest says why the rest of a node's files is not asked for.
func rest(ctx context.Context) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}

	return errTooMuch
}

// list asks the node which files there are. Services and containers that can't be listed, as where containerd does not
// run, are noted and do not hide the rest: the library would give up.
func (t *tap) list(ctx context.Context, api *client.Client) ([]*collectors.Collector, error) {
	ctx, cancel := context.WithTimeout(ctx, fileTimeout)
	defer cancel()

	t.listing.Store(true)
	defer t.listing.Store(false)

	return collectors.GetTalosNodeCollectors(ctx, api)
}

// collect runs one collector. A panic of it is its failure: the library indexes what a node sends.
func (t *tap) collect(ctx context.Context, api *client.Client, one *collectors.Collector) (files []Found) {
	ctx, cancel := context.WithTimeout(ctx, fileTimeout)
	defer cancel()

	name := strings.TrimPrefix(one.String(), "collect ")
	if holdsSecrets(name) {
		return []Found{{Path: path.Join("resources", name), Withheld: true, Err: errHoldsSecrets}}
	}

	t.begin()

	var kept kept

	err := func() (err error) {
		defer func() {
			if cause := recover(); cause != nil {
				err = fmt.Errorf("the collector panicked: %v", cause)
			}
		}()

		return one.Run(ctx, &bundle.Options{TalosClient: api, Archive: &kept, LogOutput: io.Discard})
	}()
	if err != nil {
		return []Found{{Path: name, Withheld: isAbsent(err), Err: errors.New(errorText(err))}}
	}

	for i := range kept.files {
		if kept.files[i].Cut = t.wasCut(); kept.files[i].Cut {
			kept.files[i].Data = wholeLines(kept.files[i].Data)
		}
	}

	return kept.files
}

// isAbsent is true for the answers of a node that has not, or does not show, what was asked for. Talos words the lack of
// a log and of a container only in text (machined of 1.13, v1alpha1_server.go and logging/circular.go).
func isAbsent(err error) bool {
	text := err.Error()

	return withheld(err) || client.StatusCode(err) == codes.Unknown &&
		(strings.Contains(text, "was not registered") || strings.Contains(text, "not found"))
}

// wholeLines drops what follows the last line end: half a secret is not recognised as one.
func wholeLines(data []byte) []byte { return data[:bytes.LastIndexByte(data, '\n')+1] }

// kept is the archive of one collector.
type kept struct{ files []Found }

// Write implements bundle.Archive.
func (k *kept) Write(path string, contents []byte) error {
	k.files = append(k.files, Found{Path: path, Data: contents})

	return nil
}

// Close implements bundle.Archive.
func (k *kept) Close() error { return nil }

var errHoldsSecrets = errors.New("left out: it holds secrets")

// holdsSecrets names the files of resources that hold secrets although Talos does not mark them as sensitive (1.13):
// manifests have the bootstrap token and whatever the site's patches put inline, META keys and environments what they
// are given, static pods their environment. The library takes the specs out of those that are marked.
func holdsSecrets(name string) bool {
	for _, kind := range []string{
		k8s.ManifestType, k8s.ExtraManifestsConfigType, k8s.StaticPodType, k8s.ControllerManagerConfigType,
		k8s.SchedulerConfigType, k8s.KubeletKubeconfigType, runtime.MetaKeyType, runtime.EnvironmentType,
		runtime.UniqueMachineTokenType,
	} {
		if strings.EqualFold(name, kind+".yaml") {
			return true
		}
	}

	return false
}
