// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"log/slog"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/bootstrap/site"
)

// defaultIPXEDir is where Debian's package "ipxe" puts its binaries.
const defaultIPXEDir = "/usr/lib/ipxe"

// siteFlags are the flags of every command that works on a site.
type siteFlags struct {
	file, workDir, ipxeDir, assetsDir, controllerImage string
	verbose                                            bool
}

func (f *siteFlags) add(c *cobra.Command) {
	c.Flags().StringVarP(&f.file, "file", "f", "site.yaml", "the site file")
	c.Flags().StringVar(&f.workDir, "work-dir", "", "where secrets and state are kept (default: .cozy-install/<site name> beside the site file)")
	c.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "log details to stderr")
}

func (f *siteFlags) addNetboot(c *cobra.Command) {
	c.Flags().StringVar(&f.ipxeDir, "ipxe-dir", defaultIPXEDir, "directory with the iPXE binaries")
	c.Flags().StringVar(&f.assetsDir, "assets-dir", "", "directory with Talos's kernel and initramfs (default: fetched from talos.factory)")
}

func (f *siteFlags) addController(c *cobra.Command) {
	c.Flags().StringVar(&f.controllerImage, "controller-image", "", "another image of cozy-controller (default: the chart's)")
}

// load reads the site file and makes the options of a bring-up of it.
func (f *siteFlags) load(streams Streams) (bootstrap.Options, error) {
	s, err := site.Load(f.file)
	if err != nil {
		return bootstrap.Options{}, err
	}
	workDir := f.workDir
	if workDir == "" {
		workDir = filepath.Join(filepath.Dir(f.file), ".cozy-install", s.Metadata.Name)
	}
	return bootstrap.Options{
		Site: s, WorkDir: workDir, IPXEDir: f.ipxeDir, AssetsDir: f.assetsDir,
		ControllerImage: f.controllerImage, Log: f.logger(streams),
	}, nil
}

// logger gives the details channel: warnings and worse unless details are asked for.
func (f *siteFlags) logger(streams Streams) *slog.Logger {
	return slog.New(slog.NewTextHandler(streams.Err, &slog.HandlerOptions{Level: f.level()}))
}

func (f *siteFlags) level() slog.Level {
	if f.verbose {
		return slog.LevelDebug
	}
	return slog.LevelWarn
}
