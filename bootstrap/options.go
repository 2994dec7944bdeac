// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"log/slog"
	"time"

	"github.com/cozystack/cozy-install/bootstrap/phase"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/bundles/archive"
	"github.com/cozystack/cozy-install/pxe"
)

// Options is everything a bring-up is told by its caller.
type Options struct {
	// Site is a loaded and valid site file.
	Site *site.Site
	// WorkDir is the work directory; made if it is missing.
	WorkDir string
	// IPXEDir holds the iPXE binaries. Empty: where Debian's package "ipxe" puts them.
	IPXEDir string
	// AssetsDir holds Talos's kernel and initramfs. Empty: they are fetched from the site's image factory.
	AssetsDir string
	// AcceptUnknown boots machines that are not of the site too. They are never configured.
	AcceptUnknown bool
	// BesideDHCP starts netboot in mode server although another DHCP server answers.
	BesideDHCP bool
	// TFTPSinglePort answers TFTP from its own port, for networks that drop answers from others.
	TFTPSinglePort bool
	// Sockets are netboot ports that somebody opened already, as systemd does. The zero value opens all.
	Sockets pxe.Sockets
	// Ports are the netboot server's. The zero value means the real ones.
	Ports pxe.Ports
	// NodeTimeout bounds each wait for machines: to appear, to install, to become Ready. Servers take 5 to 12 minutes for
	// a reboot with its self-test. Zero: DefaultNodeTimeout.
	NodeTimeout time.Duration
	// From and Until are the first and last phase to run. Empty: all.
	From, Until string
	// ControllerImage names the image of cozy-controller, by digest if it is to stay the same. Empty: the site file's, or one
	// made of ControllerBinaries where the site's bastion serves it, or the chart's.
	ControllerImage string
	// ControllerBinaries are the programs of cozy-controller.
	ControllerBinaries archive.ControllerBinaries
	// made is the image that was made of them; nil: none was.
	made *archive.ControllerImage
	// archived is the archive that everything is taken from; nil: none.
	archived *usedArchive
	// noController says why there is no image of cozy-controller that could be installed with the archive; nil: there is one.
	noController error
	// ChartSource is the URL of a chart repository that stands in for all others, see bundles.Shelf.Redirect. Empty: each
	// package's own.
	ChartSource string
	// ChartFollow are hosts that registries of charts may lead to although they are on a private network, or that may be their
	// token services.
	ChartFollow []string
	// Accept are names of risks. Of them two matter here: with RiskDataLoss packages that the site file disables are removed
	// although they hold data, and with RiskNoIsolation tenants may share a network that keeps nobody apart.
	Accept []string
	// Archive is what charts, images and boot assets are taken from, where there is no network.
	Archive ArchiveOptions
	// Reporter receives the progress. Nil: nobody listens.
	Reporter phase.Reporter
	// Log receives details. Nil: they are dropped.
	Log *slog.Logger
}

// DefaultNodeTimeout is how long machines may take for one step when Options names no time.
const DefaultNodeTimeout = 30 * time.Minute

func (o Options) nodeTimeout() time.Duration {
	if o.NodeTimeout > 0 {
		return o.NodeTimeout
	}
	return DefaultNodeTimeout
}

func (o Options) log() *slog.Logger {
	if o.Log != nil {
		return o.Log
	}
	return slog.New(slog.DiscardHandler)
}
