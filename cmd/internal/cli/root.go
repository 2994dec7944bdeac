// SPDX-License-Identifier: Apache-2.0

// Package cli turns flags into one library call each, and what comes back into output and an exit code. It decides
// nothing about sites, machines or clusters.
package cli

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
)

// Run runs one command line and returns its exit code: 0 done, 1 failed, 2 usage or invalid file, 130 interrupted.
func Run(ctx context.Context, streams Streams, version string, args []string) int {
	defer streams.closeSockets()
	streams.version = version
	root := newRoot(streams, version)
	root.SetArgs(args)
	said, err := root.ExecuteContextC(ctx)
	if err == nil {
		return 0
	}
	if ctx.Err() != nil {
		// Only a signal ends this context, and not every library wraps what it makes of it.
		err = errors.Join(context.Canceled, err)
	}
	PrintError(streams.Err, said, err)
	return ExitCode(err)
}

func newRoot(streams Streams, version string) *cobra.Command {
	root := newGroup("cozy-install", "From bare servers to a cloud platform with one site file",
		newUpCommand(streams),
		newPlanCommand(streams),
		newStatusCommand(streams),
		newSupportCommand(streams, version),
		newConfigCommand(streams),
		newTalosCommand(streams),
		newPXECommand(streams),
		newNodeCommand(streams),
		newEtcdCommand(streams),
		newUpgradeCommand(streams),
		newResetCommand(streams),
		newBackupCommand(streams),
		newKubeconfigCommand(streams),
		newTalosconfigCommand(streams),
		newBundleCommand(streams),
		newImageCommand(streams, version),
		newTenantCommand(streams),
		newAppCommand(streams),
		newVersionCommand(streams, version),
	)
	root.Long = "cozy-install reads one site file and brings up what it describes: it netboots the servers, installs Talos Linux,\n" +
		"forms the management cluster, installs a bundle and creates tenant-root. Killed at any moment and run again,\n" +
		"it goes on from where the world is."
	root.SilenceUsage, root.SilenceErrors = true, true
	root.SetIn(streams.In)
	root.SetOut(streams.Out)
	root.SetErr(streams.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return &UsageError{Err: err} })
	return root
}
