// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
)

func newEtcdSnapshotCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var file fileFlags
	var options bootstrap.SnapshotOptions
	var plan bootstrap.Schedule
	c := &cobra.Command{
		Use: "snapshot", Short: "Take a snapshot of etcd from a healthy control plane", Args: usageArgs(cobra.NoArgs),
		Long: "Stream a snapshot of etcd from a healthy member that is not the leader if there is one, check it, and write it into a new\n" +
			"file with mode 0600. It holds everything in Kubernetes, Secrets too, and is encrypted to secrets.ageRecipients or\n" +
			"--encrypt-to. With --every it goes on until it is interrupted, and keeps the newest --keep of its snapshots.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			site, err := flags.loadMachines(streams)
			if err != nil {
				return err
			}
			options.File = file.path
			if !cmd.Flags().Changed("every") {
				if cmd.Flags().Changed("keep") {
					return &UsageError{Err: errors.New("--keep goes with --every")}
				}
				taken, err := bootstrap.TakeSnapshot(cmd.Context(), site, options)
				if err != nil {
					return wrongSnapshot(err)
				}
				return file.print(streams, taken, func() string { return snapshotText(taken) })
			}
			plan.Told = func(taken bootstrap.TakenSnapshot, err error) { tellSnapshot(streams, cmd, &file, taken, err) }
			return wrongSnapshot(bootstrap.KeepSnapshots(cmd.Context(), site, options, plan))
		},
	}
	flags.add(c)
	file.add(c, "new file to write (default: etcd-<time>.db in the work directory's snapshots, with .age if encrypted)")
	c.Flags().StringArrayVar(&options.EncryptTo, "encrypt-to", nil, "age recipient (age1...) that can open it; may be repeated (default: secrets.ageRecipients)")
	c.Flags().DurationVar(&plan.Every, "every", 0, "take one again and again, with this time between them, e.g. 6h")
	c.Flags().IntVar(&plan.Keep, "keep", 12, "with --every: how many to keep")
	return c
}

// tellSnapshot says what became of one snapshot of a schedule: good ones on stdout, failures on stderr.
func tellSnapshot(streams Streams, said *cobra.Command, file *fileFlags, taken bootstrap.TakenSnapshot, err error) {
	if err != nil {
		fmt.Fprintf(streams.Err, "%s ", time.Now().UTC().Format(time.RFC3339))
		PrintError(streams.Err, said, err)
	}
	if taken.Path == "" {
		return
	}
	if err := file.print(streams, taken, func() string { return snapshotText(taken) }); err != nil {
		fmt.Fprintln(streams.Err, ui.Printable(err.Error()))
	}
}

func snapshotText(s bootstrap.TakenSnapshot) string {
	var b strings.Builder
	how := "encrypted"
	if !s.Encrypted {
		how = "not encrypted"
	}
	fmt.Fprintf(&b, "%s: %s of etcd on %s, %s, sha256 %s\n", s.Path, humanize.IBytes(uint64(max(0, s.Bytes))), s.Node, how, s.SHA256)
	for _, old := range s.Removed {
		fmt.Fprintf(&b, "removed %s\n", old)
	}
	return b.String()
}

// wrongSnapshot makes a wrong usage of errors that the flags are to blame for.
func wrongSnapshot(err error) error {
	if wrong := (*bootstrap.ScheduleError)(nil); errors.As(err, &wrong) {
		return &UsageError{Err: err}
	}
	return wrongRecipient(err)
}
