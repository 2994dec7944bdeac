// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles"
	"github.com/cozystack/cozy-install/bundles/archive"
	"github.com/cozystack/cozy-install/talos"
)

// RegistryOptions is everything the bastion's registry is told by its caller.
type RegistryOptions struct {
	// Store is the directory of what is served; made if it is missing.
	Store string
	// Listen is a TCP address, such as :5000.
	Listen string
	// Archive is a file that bundle save made, which is loaded into the store first. Empty: none.
	Archive string
	// PublicKey is the file of the key that the archive must be signed with. Empty: none is known.
	PublicKey string
	// Unsigned takes an archive without a signature.
	Unsigned bool
	// Controller is where the programs of cozy-controller are, whose image is served too where they are there. Zero: it is not.
	Controller archive.ControllerBinaries
	// PullThrough fetches what the store lacks from the registries themselves: there is a network.
	PullThrough bool
	// CacheLimit is how many bytes of what was pulled through stay in the store; what was loaded is not counted. Zero: all do.
	CacheLimit int64
	// KeepArchives is how many of the archives that the store was loaded with it keeps, the newest: at least archive.MinArchives.
	// Zero: all.
	KeepArchives int
	// Site says which registries images may come from, and which mirrors and logins they have. Nil: those of all bundles,
	// without mirrors and logins.
	Site *site.Site
	// Images are more of them that the site's logins are lent for, beside those of the site's bundle.
	Images []string
	// Allow is what registries are trusted with beyond TLS.
	Allow archive.Exceptions
	// Log receives a line for each request. Nil: they are dropped.
	Log *slog.Logger
}

// ServeRegistry runs the bastion's registry until the context ends.
func ServeRegistry(ctx context.Context, o RegistryOptions, say func(string)) (err error) {
	upstream, err := o.upstream()
	if err != nil {
		return err
	}
	if upstream != nil {
		defer upstream.Close()
	}
	store, err := archive.OpenStore(ctx, o.Store, o.Log)
	if err != nil {
		return err
	}
	if err := o.load(ctx, store, say); err != nil {
		return err
	}
	if err := o.dropOld(ctx, store, say); err != nil {
		return err
	}
	if err := o.loadController(ctx, store, say); err != nil {
		return err
	}
	defer o.keepBelow(ctx, store)()
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", o.Listen)
	if err != nil {
		return &ListenError{Address: o.Listen, Err: err}
	}
	how := "what is in its store, and nothing else"
	if upstream != nil {
		how = "what is in its store, and what it can fetch"
	}
	say(fmt.Sprintf("serving images and charts on %s: %s", listener.Addr(), how))
	return archive.NewRegistry(ctx, store, upstream, o.Log).Serve(ctx, listener)
}

// ListenError says that the registry's port can't be opened.
type ListenError struct {
	Address string
	Err     error
}

func (e *ListenError) Error() string {
	return fmt.Sprintf("open the registry's port %s: %v", e.Address, e.Err)
}
func (e *ListenError) Unwrap() error { return e.Err }

// Hint says what to do.
func (e *ListenError) Hint() string {
	return "stop what listens there (ss -ltnp), or choose another with --listen, and in the site file's registries.bastion.address"
}

// upstream is where the registry fetches what it lacks; nil if it does not.
func (o RegistryOptions) upstream() (*archive.Upstream, error) {
	if !o.PullThrough {
		return nil, nil //nolint:nilnil // there is none
	}
	if o.Site == nil {
		hosts, err := hostsOfAllBundles()
		if err != nil {
			return nil, err
		}
		return archive.NewUpstream(archive.UpstreamOptions{Registries: hosts, Allow: o.Allow, Log: o.Log})
	}
	plan, err := ResolveBundle(o.Site, "")
	if err != nil {
		return nil, err
	}
	hosts, images, err := upstreamsOf(o.Site, plan)
	if err != nil {
		return nil, err
	}
	logins, err := loginsOf(o.Site, hosts)
	if err != nil {
		return nil, err
	}
	return archive.NewUpstream(archive.UpstreamOptions{
		Registries: hosts, Logins: logins, Images: append(images, o.Images...), Allow: o.Allow, Log: o.Log,
	})
}

// hostsOfAllBundles are the registries of every image there is.
func hostsOfAllBundles() (map[string]string, error) {
	catalog, err := bundles.Load(bundles.Data())
	if err != nil {
		return nil, err
	}
	return hostsOfCatalog(catalog)
}

func hostsOfCatalog(catalog *bundles.Catalog) (map[string]string, error) {
	every := &bundles.Plan{}
	for _, name := range catalog.Bundles() {
		set, _ := catalog.Bundle(name)
		for _, layer := range set.Layers {
			for _, member := range layer.Packages {
				if p, ok := catalog.Package(member.Name); ok {
					one := *p
					one.Images = p.EveryImage("v0.0.0") // no site says which: the registry is that of all
					every.Packages = append(every.Packages, one)
				}
			}
		}
	}
	hosts, err := imageHosts(every, "", []string{defaultFactory + "/installer"})
	if err != nil {
		return nil, err
	}
	return keyedBy(hosts), nil
}

// defaultFactory is where Talos's installer comes from when no site says otherwise.
const defaultFactory = "factory.talos.dev"

func keyedBy(hosts []string) map[string]string {
	out := map[string]string{}
	for _, host := range hosts {
		out[host] = ""
	}
	return out
}

// upstreamsOf are a site's images, and their registries with the mirror that is asked for each. Those that the site file has
// mirrors for are among them: the operator said that images come from there.
func upstreamsOf(s *site.Site, plan *bundles.Plan) (registries map[string]string, images []string, err error) {
	configured := mirrors(s)
	version, more, err := runBeside(s, plan)
	if err != nil {
		return nil, nil, err
	}
	hosts, err := imageHosts(plan, version, more)
	if err != nil {
		return nil, nil, err
	}
	out := keyedBy(hosts)
	if s.Registries.Bastion != nil {
		delete(out, s.Registries.Bastion.Address) // that is we
	}
	for host, endpoints := range configured {
		if host == "*" {
			continue
		}
		out[host] = plainMirror(endpoints)
	}
	return out, imagesOf(plan, version, more), nil
}

// runBeside is what a site runs beside the images that its plan lists: the version of Talos, empty for none, its installer, and what
// only values name.
func runBeside(s *site.Site, plan *bundles.Plan) (talosVersion string, images []string, err error) {
	images = imagesOfValues(s, plan)
	if s.Talos == nil {
		return "", images, nil
	}
	// Nodes ask for the installer of their schematic, and a login is lent for no other.
	schematic, _, err := talos.Schematic(requirements(plan.Talos), s.Talos.Extensions, s.Talos.KernelArgs)
	if err != nil {
		return "", nil, err
	}
	return s.Talos.Version, append(images, installImage(s.Talos, schematic)), nil
}

// plainHosts are the registries that the site file says are spoken to in plain HTTP: those of mirrors with http://.
func plainHosts(s *site.Site) []string {
	configured := mirrors(s)
	var out []string
	for _, host := range slices.Sorted(maps.Keys(configured)) {
		for _, endpoint := range configured[host] {
			if parsed, err := url.Parse(endpoint); err == nil && parsed.Scheme == "http" {
				out = append(out, parsed.Host)
			}
		}
	}
	return out
}

// plainMirror is the first mirror that has the images under their own names. Empty: none has.
func plainMirror(endpoints []string) string {
	for _, endpoint := range endpoints {
		parsed, err := url.Parse(endpoint)
		if err == nil && (strings.Trim(parsed.Path, "/") == "" || strings.Trim(parsed.Path, "/") == "v2") {
			return parsed.Scheme + "://" + parsed.Host
		}
	}
	return ""
}
