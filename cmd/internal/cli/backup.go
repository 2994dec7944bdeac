// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap"
)

func newBackupCommand(streams Streams) *cobra.Command {
	return newGroup("backup", "Back up the work directory, which holds the cluster's keys",
		newBackupCreateCommand(streams), newBackupRestoreCommand(streams))
}

func newBackupCreateCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var file fileFlags
	var options bootstrap.BackupOptions
	c := &cobra.Command{
		Use: "create", Short: "Write the secrets and the journal into one encrypted file", Args: usageArgs(cobra.NoArgs),
		Long: "Write the work directory's secrets, talosconfig, kubeconfig, journal and netboot memory into one new file, mode 0600,\n" +
			"encrypted with age. Keep the identity that opens it elsewhere: it is not in the backup. Snapshots of etcd are not either.",
		RunE: func(*cobra.Command, []string) error {
			site, err := flags.load(streams)
			if err != nil {
				return err
			}
			options.File = file.path
			made, err := bootstrap.CreateBackup(site, options, time.Now())
			if err != nil {
				return wrongRecipient(err)
			}
			return file.print(streams, made, func() string { return backupText(made) })
		},
	}
	flags.add(c)
	file.add(c, "new file to write (default: <site>-workdir-<time>.tar.age here)")
	c.Flags().StringArrayVar(&options.EncryptTo, "encrypt-to", nil, "age recipient (age1...) that can open it; may be repeated (default: secrets.ageRecipients)")
	c.Flags().BoolVar(&options.Plain, "plain", false, "write it readable when there is no recipient")
	return c
}

func backupText(b bootstrap.Backup) string {
	how := "encrypted"
	if !b.Encrypted {
		how = "NOT encrypted: whoever reads it owns the cluster"
	}
	return fmt.Sprintf("%s holds %s (%s).\n", b.Path, strings.Join(b.Files, ", "), how)
}

func newBackupRestoreCommand(streams Streams) *cobra.Command {
	var flags siteFlags
	var identity string
	var asJSON fileFlags
	c := &cobra.Command{
		Use: "restore FILE", Short: "Make the work directory of a backup", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Make the work directory of a backup, all of it or nothing. There must be none yet, or an empty one.",
		RunE: func(cmd *cobra.Command, args []string) error {
			site, err := flags.load(streams)
			if err != nil {
				return err
			}
			restored, err := bootstrap.RestoreBackup(cmd.Context(), site, args[0], identity)
			if err != nil {
				return err
			}
			return asJSON.print(streams, restored, func() string {
				return fmt.Sprintf("%s holds %s again, as of %s.\n", restored.Path, strings.Join(restored.Files, ", "), restored.Made.Format(time.RFC3339))
			})
		},
	}
	flags.add(c)
	addIdentity(c, &identity)
	c.Flags().BoolVar(&asJSON.json, "json", false, "answer in JSON")
	return c
}

func addIdentity(c *cobra.Command, identity *string) {
	c.Flags().StringVar(identity, "identity", "", "file with the age identity that opens it (default: secrets.ageIdentityFile)")
}

// wrongRecipient makes a wrong usage of an error that --encrypt-to is to blame for.
func wrongRecipient(err error) error {
	if wrong := (*bootstrap.RecipientError)(nil); errors.As(err, &wrong) {
		return &UsageError{Err: err}
	}
	return err
}
