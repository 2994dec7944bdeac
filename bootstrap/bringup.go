// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"net/url"
	"sync"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bootstrap/workdir"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/bundles/archive"
	"github.com/cozystack/cozy-install/manifests"
	"github.com/cozystack/cozy-install/talos"
)

// bringup is one run: what the phases share. Values that a phase makes and a later one needs are made on demand, since
// after a resume the earlier phase has nothing to do.
type bringup struct {
	opts     Options
	site     *site.Site
	dir      *workdir.Dir
	log      *slog.Logger
	plan     *bundles.Plan
	shelf    *bundles.Shelf
	endpoint *url.URL

	secrets *talos.Secrets     // nil until read
	creds   *talos.Credentials // nil until made of the secrets
	cluster *kube.Client       // nil until the kubeconfig is there
	netboot *netboot           // nil while nothing is served
	// unreadable says why it is not known whether the site takes everything from an archive; nil: it is. Only what an
	// archive decides fails with it: machine configs, boot assets, and where charts come from.
	unreadable error
	// registry ends the bastion's registry, and waits for that; nil: this run does not serve it.
	registry func() error
	only     string   // the one node that the run is about; empty: all
	apart    []string // control planes that are not in the cluster, and that a run about one node leaves alone
	finder   finder
	// consoles hears the nodes' kernel logs; nil where they are not sent here.
	consoles *consoleLog
	// given holds, by node, the fingerprint of the machine that took its config in this run.
	given map[string]string
	// takers are, by node, the machines that were sent its config in this run.
	takers map[string]sight
	// running holds the nodes that were written down as running in this run.
	running map[string]bool
	// recent is, by node, what was seen of machines in maintenance mode a moment ago.
	recent map[string]recentSight
	// late are the nodes that this run goes on without.
	late []LateNode
	// installed tells what is on the cluster. Nil: the cluster is asked.
	installed func(context.Context) ([]bundles.Installed, error)
	// accepted are the names of the risks that a person accepted.
	accepted []string
	// checkedAlive is, by node that leaves, whether it answered when packages were asked.
	checkedAlive map[string]bool
	// keptPackages are those that the site file disables and that stay all the same.
	keptPackages []bundles.Kept
	// applied is, by node, what became of giving it its config in this run.
	applied map[string]Applied
	// restarted is, by node, the fingerprint of the boot in which its management controller was told to restart it.
	restarted sync.Map
	// bootstrapped is the boot of the chosen node in which it took the call to bootstrap etcd, see bootOf. Empty: none.
	bootstrapped string
	// root is what tenant-root offers; nil: it was not looked at in this run.
	root *Root
	// turns has room for as many nodes as are talked to side by side.
	turns chan struct{}
}

// newBringup assembles a run. Unless it was given an archive, it has that of an earlier run.
func newBringup(o Options, dir *workdir.Dir) (*bringup, error) {
	var unreadable error
	if o.archived == nil && !o.Archive.Online {
		o.archived, unreadable = keptArchive(dir)
	}
	charts, err := manifests.NewRepository(manifests.Charts())
	if err != nil {
		return nil, err
	}
	plan, err := resolveBundle(o.Site, o.ControllerImage, charts)
	if err != nil {
		return nil, err
	}
	endpoint, err := endpoint(o.Site)
	if err != nil {
		return nil, err
	}
	return &bringup{
		opts: o, site: o.Site, dir: dir, log: o.log(), plan: plan, endpoint: endpoint,
		shelf: bundles.NewShelf(charts, nil).Guarded(archive.GuardCharts(o.ChartFollow)),
		turns: make(chan struct{}, nodesAtOnce), unreadable: unreadable,
	}, nil
}

// close ends what runs in the background.
func (b *bringup) close() error {
	err := errors.Join(b.consoles.end(), b.opts.archived.close())
	if b.registry != nil {
		err = errors.Join(err, b.registry())
	}
	if b.netboot == nil {
		return err
	}
	stopped := b.netboot.stop()
	if err == nil {
		return stopped // as it is: the run may have failed with it already
	}
	return errors.Join(stopped, err)
}

// credentials are those of an administrator of the Talos API, signed with the cluster's own secrets.
func (b *bringup) credentials() (*talos.Credentials, error) {
	if b.creds != nil {
		return b.creds, nil
	}
	config, err := b.talosconfig()
	if err != nil {
		return nil, err
	}
	creds, err := talos.ParseCredentials(config)
	if err != nil {
		return nil, err
	}
	b.creds = creds
	return creds, nil
}

func (b *bringup) talosconfig() ([]byte, error) {
	secrets, err := b.loadSecrets()
	if err != nil {
		return nil, err
	}
	return talos.Talosconfig(talos.Cluster{Name: b.site.Metadata.Name}, secrets, addresses(b.controlPlanes()))
}

// kube is a client of the cluster, from the kubeconfig in the work directory. *NoKubeconfigError means that there is none.
func (b *bringup) kube() (*kube.Client, error) {
	if b.cluster != nil {
		return b.cluster, nil
	}
	if b.site.Hosted() {
		return b.existingCluster()
	}
	config, err := b.dir.Read(workdir.KubeconfigFile)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &NoKubeconfigError{Path: b.dir.Path(workdir.KubeconfigFile)}
	}
	if err != nil {
		return nil, err
	}
	client, err := kube.FromKubeconfig(config)
	if err != nil {
		return nil, err
	}
	b.cluster = client
	return client, nil
}

func (b *bringup) controlPlanes() []site.Node {
	var out []site.Node
	for _, n := range b.site.Nodes {
		if n.Role == site.ControlPlane {
			out = append(out, n)
		}
	}
	return out
}

func names(nodes []site.Node) []string {
	out := make([]string, len(nodes))
	for i, n := range nodes {
		out[i] = n.Name
	}
	return out
}

func addresses(nodes []site.Node) []string {
	out := make([]string, len(nodes))
	for i, n := range nodes {
		out[i] = n.Address.String()
	}
	return out
}
