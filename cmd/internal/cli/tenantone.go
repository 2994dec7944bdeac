// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/cozystack/cozy-install/tenant"
	"github.com/cozystack/cozy-install/tenant/admin"
)

// whichTenant is what the commands that take one tenant say about naming it.
const whichTenant = "TENANT is its namespace, its path from the root such as root/alpha/beta, or its name where only one has it."

func newTenantShowCommand(streams Streams) *cobra.Command {
	var flags clusterFlags
	var output outputFlag
	c := &cobra.Command{
		Use: "show TENANT", Short: "Show what a tenant is, and what it waits for", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Show a tenant's place, services, quotas and conditions, as its controller says them.\n" + whichTenant,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := output.check(); err != nil {
				return err
			}
			client, seen, err := flags.see(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			found, err := seen.Find(args[0])
			if err != nil {
				return err
			}
			dependents, err := admin.Dependents(cmd.Context(), client.Typed, client.Dynamic, seen.Tenants, found)
			if err != nil {
				return client.Answered(err)
			}
			shown := shownTenant{Tenant: found, Dependents: dependents}
			return output.print(streams.Out, shown, func() string { return tenantDescription(shown) })
		},
	}
	flags.add(c)
	output.add(c)
	return c
}

func newTenantCreateCommand(streams Streams) *cobra.Command {
	var flags clusterFlags
	var spec specFlags
	var parent string
	var dryRun bool
	c := &cobra.Command{
		Use: "create NAME", Short: "Make a tenant below another", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Make a tenant below another. Its name has lower-case letters and digits, and no dash. What the API server can judge it\n" +
			"judges at once; what becomes of the tenant says: cozy-install tenant show",
		RunE: func(cmd *cobra.Command, args []string) error {
			wanted, err := spec.read()
			if err != nil {
				return err
			}
			client, above, err := flags.place(cmd.Context(), parent)
			unknown := (*admin.UnknownTenantError)(nil)
			if errors.As(err, &unknown) && unknown.Below != "" && !cmd.Flags().Changed("parent") {
				return &unseenRootError{name: args[0], err: unknown}
			}
			if err != nil {
				return err
			}
			made, err := admin.Create(cmd.Context(), client.Dynamic, above, args[0], wanted, dryRun)
			if err != nil {
				return client.Answered(err)
			}
			word := "created"
			if dryRun {
				word = "would be created (dry run)"
			}
			_, err = fmt.Fprintf(streams.Out, "tenant %s %s in %s\n", made.Name, word, made.Namespace)
			return err
		},
	}
	flags.add(c)
	spec.add(c)
	c.Flags().StringVar(&parent, "parent", tenant.RootName, "the tenant above: its namespace, its path from the root, or its name")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "ask the API server whether it would take the tenant, and store nothing")
	return c
}

// unseenRootError says that a tenant was to be made in the root, as no other was named, by who may not see the root.
type unseenRootError struct {
	name string
	err  *admin.UnknownTenantError
}

func (e *unseenRootError) Error() string { return e.err.Error() }
func (e *unseenRootError) Unwrap() error { return e.err }

// Hint says what was left out.
func (e *unseenRootError) Hint() string {
	return fmt.Sprintf("name the tenant above it with --parent, such as: cozy-install tenant create %s --parent %s", e.name, e.err.Below)
}

func newTenantKubeconfigCommand(streams Streams) *cobra.Command {
	var flags clusterFlags
	var level, file string
	var ttl time.Duration
	c := &cobra.Command{
		Use: "kubeconfig TENANT", Short: "Write a kubeconfig for people with a level in a tenant", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Write a kubeconfig with a token of a level in a tenant, to standard output or to a file with mode 0600. The level holds in\n" +
			"all tenants below too, and nowhere else. The token ends by itself; stderr says when.\n" + whichTenant,
		RunE: func(cmd *cobra.Command, args []string) error {
			if level == "" {
				return &UsageError{Err: errors.New("--level is needed: " + levelList())}
			}
			if !slices.Contains(tenant.Levels(), tenant.Level(level)) {
				return &UsageError{Err: fmt.Errorf("--level %q: it is %s", level, levelList())}
			}
			if err := checkTTL(ttl); err != nil {
				return err
			}
			client, found, err := flags.place(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			access, err := admin.Kubeconfig(cmd.Context(), client.Typed, client.Config, found, tenant.Level(level), ttl)
			if err != nil {
				return client.Answered(err)
			}
			return writeTenantAccess(streams, file, access)
		},
	}
	flags.add(c)
	c.Flags().StringVar(&level, "level", "", levelList()+"; each includes the one before it")
	c.Flags().DurationVar(&ttl, "ttl", 8*time.Hour,
		"how long the token is good, at least "+admin.MinTTL.String()+" and at most "+admin.MaxTTL.String())
	c.Flags().StringVarP(&file, "output", "o", "", "file to write, replaced if it is there (default: standard output)")
	return c
}

// checkTTL refuses what the cluster would, before it is asked.
func checkTTL(ttl time.Duration) error {
	switch {
	case ttl < admin.MinTTL:
		return &UsageError{Err: fmt.Errorf("--ttl %s: the API server gives no token for less than %s", ttl, admin.MinTTL)}
	case ttl > admin.MaxTTL:
		return &UsageError{Err: fmt.Errorf("--ttl %s: a token of a level is good for %s at most; ask for another when it has ended",
			ttl, admin.MaxTTL)}
	}
	return nil
}

func writeTenantAccess(streams Streams, file string, access admin.Access) error {
	if err := writeSecret(streams, file, access.Kubeconfig); err != nil {
		return err
	}
	_, err := fmt.Fprintf(streams.Err, "The token ends at %s.\n", access.Expires.Local().Format(time.DateTime))
	return err
}

func levelList() string {
	levels := make([]string, 0, len(tenant.Levels()))
	for _, level := range tenant.Levels() {
		levels = append(levels, string(level))
	}
	return strings.Join(levels, ", ")
}
