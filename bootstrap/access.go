// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
)

// Access is a client configuration: of Kubernetes or of Talos. It holds an administrator's key.
type Access struct {
	Data []byte
	// From says where it comes from: a control plane's name, or a file of the work directory.
	From string
	// Kept says that it is the one that the work directory kept, because of Why.
	Kept bool
	Why  error
}

// Kubeconfig fetches an administrator's kubeconfig from a control plane, the one on which etcd was bootstrapped first.
// When none gives one, it is the one of the work directory. Nothing is written.
func Kubeconfig(ctx context.Context, o Options) (Access, error) {
	b, err := reading(o)
	if err != nil {
		return Access{}, err
	}
	var errs []error
	for _, node := range b.bootstrapNodeFirst() {
		data, err := b.kubeconfigOf(ctx, node)
		if err == nil {
			return Access{Data: data, From: node.Name}, nil
		}
		errs = append(errs, err)
		if ctx.Err() != nil {
			return Access{}, err
		}
	}
	return b.kept(workdir.KubeconfigFile, errors.Join(errs...))
}

// Talosconfig makes an administrator's talosconfig of the site's secrets, valid for a year from now. Where the secrets
// cannot be opened here, it is the one of the work directory. Nothing is written.
func Talosconfig(o Options) (Access, error) {
	b, err := reading(o)
	if err != nil {
		return Access{}, err
	}
	data, err := b.talosconfig()
	if err != nil {
		return b.kept(workdir.TalosconfigFile, err)
	}
	return Access{Data: data, From: b.dir.Path(b.secretsFile())}, nil
}

// reading is a run that only looks.
func reading(o Options) (*bringup, error) {
	dir, err := workdir.OpenForReading(o.WorkDir)
	if err != nil {
		return nil, err
	}
	return newBringup(o, dir)
}

// kept is a file of the work directory, and why it must do.
func (b *bringup) kept(name string, why error) (Access, error) {
	data, err := b.dir.Read(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Access{}, why
	}
	if err != nil {
		return Access{}, errors.Join(why, err)
	}
	return Access{Data: data, From: b.dir.Path(name), Kept: true, Why: why}, nil
}

func (b *bringup) kubeconfigOf(ctx context.Context, node site.Node) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	client, err := b.dial(ctx, node)
	if err != nil {
		return nil, err
	}
	defer client.Close()
	data, err := client.Kubeconfig(ctx)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", node.Name, err)
	}
	return data, nil
}

// bootstrapNodeFirst are the control planes, the one on which etcd was bootstrapped before the others.
func (b *bringup) bootstrapNodeFirst() []site.Node {
	planes := b.controlPlanes()
	first, err := b.bootstrapNode()
	if err != nil {
		return planes // the journal is of no use here
	}
	out := []site.Node{first}
	for _, node := range planes {
		if node.Name != first.Name {
			out = append(out, node)
		}
	}
	return out
}
