// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/site"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
	"github.com/cozystack/cozy-install/pxe"
	"github.com/cozystack/cozy-install/pxe/ipxe"
)

// siteFlags are the flags of every command that works on a site.
type siteFlags struct {
	file, workDir, ipxeDir, assetsDir     string
	controller                            controllerFlags
	charts                                chartFlags
	ports                                 map[string]int
	verbose                               bool
	acceptUnknown, besideDHCP, singlePort bool
}

func (f *siteFlags) add(c *cobra.Command) {
	c.Flags().StringVarP(&f.file, "file", "f", "site.yaml", "the site file")
	c.Flags().StringVar(&f.workDir, "work-dir", "", "where secrets and state are kept (default: .cozy-install/<site name> beside the site file)")
	carry(c, "file", "work-dir")
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "log details to stderr")
}

func (f *siteFlags) addNetboot(c *cobra.Command) {
	c.Flags().StringVar(&f.ipxeDir, "ipxe-dir", ipxe.DefaultDir, "directory with the iPXE binaries; none: UEFI machines boot the UKI without")
	c.Flags().StringVar(&f.assetsDir, "assets-dir", "", "directory with Talos's kernel and initramfs (default: fetched from talos.factory)")
	c.Flags().StringToIntVar(&f.ports, "netboot-ports", nil,
		"other ports than dhcp=67,proxy=4011,tftp=69,http=8080; all but http only behind a DHCP relay that knows them")
	c.Flags().BoolVar(&f.acceptUnknown, "accept-unknown", false, "netboot machines that are not in the site file too; they are never configured")
	c.Flags().BoolVar(&f.besideDHCP, "beside-dhcp", false, "give addresses (netboot.mode: server) although another DHCP server answers")
	c.Flags().BoolVar(&f.singlePort, "tftp-single-port", false, "answer TFTP from port 69 alone, for firewalls that drop answers from other ports")
}

// netbootPorts checks the names of the ports that were given.
func (f *siteFlags) netbootPorts() (ports pxe.Ports, err error) {
	for name, port := range f.ports {
		switch name {
		case "dhcp":
			ports.DHCP = port
		case "proxy":
			ports.Proxy = port
		case "tftp":
			ports.TFTP = port
		case "http":
			ports.HTTP = port
		default:
			return ports, &UsageError{Err: fmt.Errorf("--netboot-ports: no port is called %q; there are dhcp, proxy, tftp and http", name)}
		}
	}
	return ports, nil
}

func (f *siteFlags) addPackages(c *cobra.Command) {
	f.controller.add(c)
	f.charts.add(c)
}

// load reads the site file and makes the options of a bring-up of it.
func (f *siteFlags) load(streams Streams) (bootstrap.Options, error) {
	ports, err := f.netbootPorts()
	if err := errors.Join(err, f.charts.check()); err != nil {
		return bootstrap.Options{}, err
	}
	s, err := site.Load(f.file)
	if err != nil {
		return bootstrap.Options{}, err
	}
	workDir := f.workDir
	if workDir == "" {
		workDir = filepath.Join(filepath.Dir(f.file), ".cozy-install", s.Metadata.Name)
	}
	image, binaries, err := f.controller.choose(streams, s)
	if err != nil {
		return bootstrap.Options{}, err
	}
	return bootstrap.Options{
		Site: s, WorkDir: workDir, IPXEDir: f.ipxeDir, AssetsDir: f.assetsDir,
		AcceptUnknown: f.acceptUnknown, BesideDHCP: f.besideDHCP, TFTPSinglePort: f.singlePort,
		Ports: ports, ControllerImage: image, ControllerBinaries: binaries, ChartSource: f.charts.source, ChartFollow: f.charts.follow,
		Log: f.logTo(streams.Err, ui.Plain),
	}, nil
}

// loadMachines is load for commands that work on a site's machines. An existing cluster's are not this program's.
func (f *siteFlags) loadMachines(streams Streams) (bootstrap.Options, error) {
	options, err := f.load(streams)
	if err == nil && options.Site.Hosted() {
		err = &UsageError{Err: &bootstrap.HostedError{Bundle: options.Site.Bundle}}
	}
	return options, err
}

// logTo gives the details channel beside progress of a form: warnings and worse unless details are asked for. Between
// JSON lines of progress the details are such lines too.
func (f *siteFlags) logTo(w io.Writer, form ui.Form) *slog.Logger {
	options := &slog.HandlerOptions{Level: slog.LevelWarn}
	if f.verbose {
		options.Level = slog.LevelDebug
	}
	if form == ui.JSON {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
