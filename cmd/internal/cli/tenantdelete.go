// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/cozystack/cozy-install/bootstrap/kube"
	"github.com/cozystack/cozy-install/bootstrap/wait"
	"github.com/cozystack/cozy-install/cmd/internal/ui"
	"github.com/cozystack/cozy-install/tenant/admin"
	"github.com/cozystack/cozy-install/tenant/api/v1alpha1"
)

func newTenantDeleteCommand(streams Streams) *cobra.Command {
	var flags clusterFlags
	var output outputFlag
	var agree agreeFlags
	var dryRun bool
	c := &cobra.Command{
		Use: "delete TENANT", Short: "Delete a tenant with all that is in it and below it", Args: usageArgs(cobra.ExactArgs(1)),
		Long: "Delete a tenant with all tenants below it, and with the applications, cluster services and volumes of all of them. What\n" +
			"will go is shown before, and the tenant's namespace must be typed. It is followed until all is gone; interrupted, the\n" +
			"deletion goes on in the cluster, and the same command follows it again. The root can't be deleted.\n" + whichTenant,
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
			leaving, err := admin.PlanDeletion(cmd.Context(), client.Typed, client.Dynamic, seen.Tenants, found)
			if err != nil {
				return client.Answered(err)
			}
			if !dryRun {
				if err := deleteTenant(cmd.Context(), streams, client, found, leaving, &agree); err != nil {
					return err
				}
			}
			return output.print(streams.Out, leaving, func() string {
				if dryRun {
					return leavingText(leaving)
				}
				return fmt.Sprintf("tenant %s is gone, with all that was in it and below it\n", leaving.Namespace)
			})
		},
	}
	flags.add(c)
	output.add(c)
	c.Flags().BoolVar(&agree.yes, "yes", false, "do not ask for the tenant's namespace, as in a script")
	c.Flags().BoolVar(&dryRun, "dry-run", false, "show what would go, and change nothing")
	return c
}

// deleteTenant asks, deletes, and waits until the tenant is gone.
func deleteTenant(
	ctx context.Context, streams Streams, client *kube.Client, t *v1alpha1.Tenant, leaving admin.Leaving, agree *agreeFlags,
) error {
	if err := agree.ask(streams, leavingText(leaving), leaving.Namespace); err != nil {
		return err
	}
	if err := admin.Delete(ctx, client.Dynamic, t); err != nil {
		return client.Answered(err)
	}
	said := ""
	err := wait.Until(ctx, wait.Check{
		Title: "tenant " + leaving.Namespace + " to be gone", Interval: time.Second,
		Probe: func(ctx context.Context) error {
			isGone, left, waiting, err := admin.Remaining(ctx, client.Dynamic, t, leaving.Tenants)
			switch {
			case apierrors.IsForbidden(err), apierrors.IsUnauthorized(err):
				return wait.Final(err)
			case err != nil || isGone:
				return err
			}
			return errors.New(remainingText(left, waiting))
		},
		Failed: func(reason error) {
			if text := reason.Error(); text != said {
				fmt.Fprintln(streams.Err, ui.Printable(text))
				said = text
			}
		},
	})
	if err != nil {
		return &unfollowedError{namespace: leaving.Namespace, err: err}
	}
	return nil
}

// unfollowedError says that a deletion was not followed to its end.
type unfollowedError struct {
	namespace string
	err       error
}

func (e *unfollowedError) Error() string { return e.err.Error() }
func (e *unfollowedError) Unwrap() error { return e.err }

// Interrupted says what goes on without us.
func (e *unfollowedError) Interrupted() string {
	return "The deletion of tenant " + e.namespace + " goes on in the cluster. To follow it: cozy-install tenant delete " + e.namespace
}

// Hint says how to go on.
func (e *unfollowedError) Hint() string {
	return "the deletion goes on in the cluster; follow it with: cozy-install tenant delete " + e.namespace
}

func remainingText(left int, waiting []admin.Waiting) string {
	lines := []string{fmt.Sprintf("Left: %d tenants.", left)}
	const shown = 10
	for i, one := range waiting {
		if i == shown {
			lines = append(lines, fmt.Sprintf("  and %d more", len(waiting)-shown))
			break
		}
		lines = append(lines, fmt.Sprintf("  %s: %s", one.Namespace, one.Message))
	}
	return strings.Join(lines, "\n")
}

func leavingText(l admin.Leaving) string {
	parts := []string{fmt.Sprintf("Tenant %s goes, and with it:", l.Namespace)}
	rows := make([][]string, 0, len(l.Tenants))
	for _, namespace := range l.Tenants {
		rows = append(rows, []string{namespace})
	}
	parts = append(parts, ui.Table([]string{"TENANT"}, rows))
	for _, one := range []struct {
		title   string
		ordered []admin.Ordered
	}{{"APPLICATION", l.Applications}, {"CLUSTER SERVICE", l.Services}} {
		rows := make([][]string, 0, len(one.ordered))
		for _, o := range one.ordered {
			rows = append(rows, []string{o.Kind + " " + o.Name, o.Namespace})
		}
		if len(rows) > 0 {
			parts = append(parts, ui.Table([]string{one.title, "IN"}, rows))
		}
	}
	rows = nil
	for _, v := range l.Volumes {
		rows = append(rows, []string{v.Name, v.Namespace, v.Size})
	}
	if len(rows) > 0 {
		parts = append(parts, ui.Table([]string{"VOLUME", "IN", "SIZE"}, rows)+"\n\nThe data on these volumes is lost.")
	}
	if l.Release != "" {
		parts = append(parts, "HelmRelease "+l.Release+" makes this tenant, and makes it again: delete that HelmRelease too.")
	}
	return strings.Join(parts, "\n\n") + "\n"
}
