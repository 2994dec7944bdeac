// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
	"github.com/cozystack/cozy-install/tenant/admin"
)

func newAppCommand(streams Streams) *cobra.Command {
	return newGroup("app", "Look at the applications of tenants", newAppCredentialsCommand(streams))
}

// credentialsFlags say whose credentials are wanted, and in which form.
type credentialsFlags struct {
	cluster           clusterFlags
	output            outputFlag
	namespace, tenant string
	key, file         string
}

func newAppCredentialsCommand(streams Streams) *cobra.Command {
	var flags credentialsFlags
	c := &cobra.Command{
		Use: "credentials KIND/NAME", Short: "Show what an application hands to its users", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Show the credentials that an application hands to its users, such as postgres/db or kubernetes/prod: the Secrets that its\n" +
			"status names, to standard output. One --key alone is written as it is, to standard output or to a file with mode 0600,\n" +
			"such as a kubeconfig. It takes the level use in the tenant.",
		RunE: func(cmd *cobra.Command, args []string) error {
			kind, name, err := flags.check(args[0])
			if err != nil {
				return err
			}
			client, namespace, err := flags.where(cmd.Context())
			if err != nil {
				return err
			}
			found, err := admin.Credentials(cmd.Context(), client.Typed, client.Dynamic, namespace, kind, name)
			if err != nil {
				return client.Answered(err)
			}
			return flags.write(streams, found)
		},
	}
	flags.cluster.add(c)
	flags.output.add(c)
	c.Flags().StringVarP(&flags.namespace, "namespace", "n", "", "namespace of the application (default: that of the kubeconfig's context)")
	c.Flags().StringVar(&flags.tenant, "tenant", "", "tenant of the application: its namespace, its path from the root, or its name")
	c.Flags().StringVar(&flags.key, "key", "", "write the value of this key alone, as it is")
	c.Flags().StringVar(&flags.file, "output-file", "", "file to write the value of --key to, replaced if it is there")
	return c
}

// check says everything that is wrong with the command line.
func (f *credentialsFlags) check(word string) (kind, name string, err error) {
	kind, name, isPair := strings.Cut(word, "/")
	var wrong []error
	if !isPair || kind == "" || name == "" || strings.Contains(name, "/") {
		wrong = append(wrong, fmt.Errorf("%q: not an application as kind/name", word))
	}
	if f.namespace != "" && f.tenant != "" {
		wrong = append(wrong, errors.New("--namespace and --tenant: give one of them"))
	}
	if f.file != "" && f.key == "" {
		wrong = append(wrong, errors.New("--output-file takes one key: name it with --key"))
	}
	if len(wrong) > 0 {
		return "", "", &UsageError{Err: errors.Join(wrong...)}
	}
	return kind, name, f.output.check()
}

// where is a client, and the namespace: the one that was named, or that of the kubeconfig's context.
func (f *credentialsFlags) where(ctx context.Context) (*kube.Client, string, error) {
	if f.tenant == "" {
		client, err := kube.FromFile(f.cluster.kubeconfig, f.cluster.context)
		if err != nil {
			return nil, "", err
		}
		namespace := cmp.Or(f.namespace, client.Namespace)
		if namespace == "" {
			return nil, "", &UsageError{Err: errors.New("one of --namespace and --tenant is needed, as the kubeconfig's context has no namespace")}
		}
		return client, namespace, nil
	}
	client, found, err := f.cluster.place(ctx, f.tenant)
	if err != nil {
		return nil, "", err
	}
	if found.Status.Namespace == "" {
		return nil, "", admin.NotReady(found)
	}
	return client, found.Status.Namespace, nil
}

func (f *credentialsFlags) write(streams Streams, all []admin.Credential) error {
	if f.key == "" {
		return f.output.print(streams.Out, all, func() string { return credentialsText(all) })
	}
	all = slices.DeleteFunc(all, func(c admin.Credential) bool { return c.Key != f.key })
	switch len(all) {
	case 0:
		return fmt.Errorf("no credential has the key %q: without --key all of them are shown", f.key)
	case 1:
	default:
		return fmt.Errorf("%d Secrets have the key %q: without --key all of them are shown", len(all), f.key)
	}
	if err := writeSecret(streams, f.file, all[0].Value); err != nil || f.file == "" {
		return err
	}
	_, err := fmt.Fprintf(streams.Err, "Wrote %s.\n", f.file)
	return err
}

func credentialsText(all []admin.Credential) string {
	rows := make([][]string, 0, len(all))
	for _, c := range all {
		value := string(c.Value)
		if !utf8.Valid(c.Value) || strings.Contains(strings.TrimSpace(value), "\n") {
			value = fmt.Sprintf("(%d bytes; show them with --key %s)", len(c.Value), c.Key)
		}
		rows = append(rows, []string{c.Secret, c.Key, strings.TrimSpace(value), c.Description})
	}
	return ui.Table([]string{"SECRET", "KEY", "VALUE", "DESCRIPTION"}, rows) + "\n"
}
