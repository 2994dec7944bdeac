// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/admin"
)

// firstAccess is for how long the first tenant administrator has access by the file that up writes. It is written anew by a run that
// finds it older than half of that. No token is given for longer.
const firstAccess = admin.MaxTTL

// giveFirstAccess writes the kubeconfig of the first administrator of tenant-root, with a token that ends.
func (b *bringup) giveFirstAccess(ctx context.Context, client *kube.Client) error {
	if b.assertFirstAccess() != nil {
		tenants, err := admin.List(ctx, client.Dynamic)
		if err != nil {
			return err
		}
		root, err := admin.Find(tenants, tenant.RootNamespace)
		if err != nil {
			return err
		}
		access, err := admin.Kubeconfig(ctx, client.Typed, client.ConfigAt(b.site.Network.Endpoint), root, tenant.SuperAdmin, firstAccess)
		if err != nil {
			return err
		}
		if err := b.dir.Write(ctx, workdir.RootKubeconfigFile, access.Kubeconfig); err != nil {
			return err
		}
	}
	if b.root != nil {
		b.root.Kubeconfig = b.dir.Path(workdir.RootKubeconfigFile)
	}
	return nil
}

// assertFirstAccess checks that the file is there, and young enough to be of use.
func (b *bringup) assertFirstAccess() error {
	info, err := os.Stat(b.dir.Path(workdir.RootKubeconfigFile))
	if err != nil {
		return fmt.Errorf("look for the first administrator's kubeconfig: %w", err)
	}
	if time.Since(info.ModTime()) > firstAccess/2 {
		return errors.New("the first administrator's kubeconfig ends soon")
	}
	return nil
}
