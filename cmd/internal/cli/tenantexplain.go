// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/cozystack/cozy-install/cmd/internal/ui"
	"github.com/cozystack/cozy-install/tenant/admin"
)

func newTenantExplainCommand(streams Streams) *cobra.Command {
	var flags clusterFlags
	var output outputFlag
	var at string
	c := &cobra.Command{
		Use: "explain POD POD", Short: "Say whether one pod may reach another, and by which rule", Args: usageArgs(cobra.ExactArgs(2)),
		Long: "Say whether the first pod may open connections to the second, which rule decides, and what lets it leave and enter. Pods\n" +
			"are named namespace/pod. Their labels and the tenants' statuses are as they are now. Traffic through a Service or a load\n" +
			"balancer is that to the pod behind it. What is not enforced in this cluster is said in notes. Users of a tenant ask about its\n" +
			"pods and those of tenants below; what depends on more than they may see is unknown.",
		RunE: func(cmd *cobra.Command, args []string) error {
			from, to, port, err := flowOf(args, at)
			if err = errors.Join(output.check(), err); err != nil {
				return err
			}
			client, seen, err := flags.see(cmd.Context(), from.Namespace, to.Namespace)
			if err != nil {
				return err
			}
			explained, err := admin.Explain(cmd.Context(), client.Typed, client.Dynamic, seen, from, to, port)
			if err != nil {
				return client.Answered(err)
			}
			return output.print(streams.Out, explained, func() string { return explanationText(explained) })
		},
	}
	flags.add(c)
	output.add(c)
	c.Flags().StringVar(&at, "port", "", "port that the second pod listens on, such as 443 or 53/udp (default: those that it declares, and any other)")
	return c
}

// flowOf reads the arguments, and says everything that is wrong with them.
func flowOf(args []string, at string) (from, to types.NamespacedName, port *admin.Port, err error) {
	from, wrongFrom := admin.ParsePod(args[0])
	to, wrongTo := admin.ParsePod(args[1])
	port, wrongPort := readPort(at)
	if err := errors.Join(wrongFrom, wrongTo, wrongPort); err != nil {
		return from, to, nil, &UsageError{Err: err}
	}
	return from, to, port, nil
}

// readPort reads a number with a protocol or without one, which is TCP. Nil: none was given.
func readPort(text string) (*admin.Port, error) {
	if text == "" {
		return nil, nil
	}
	number, protocol, isNamed := strings.Cut(text, "/")
	port := &admin.Port{Protocol: corev1.ProtocolTCP}
	if isNamed {
		port.Protocol = corev1.Protocol(strings.ToUpper(protocol))
	}
	n, err := strconv.ParseUint(number, 10, 16)
	switch port.Protocol {
	case corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP:
	default:
		err = errors.New("no such protocol")
	}
	if err != nil || n == 0 {
		return nil, fmt.Errorf("--port %q: it is 1 to 65535, with /udp or /sctp where it is not TCP", text)
	}
	port.Number = uint16(n)
	return port, nil
}

func explanationText(e admin.Explanation) string {
	ends := make([][]string, 0, 2)
	for i, end := range []admin.End{e.From, e.To} {
		ends = append(ends, []string{[]string{"from", "to"}[i], end.Namespace + "/" + end.Pod, end.What, labelList(end.Labels)})
	}
	verdicts := make([][]string, 0, len(e.Flows))
	sides := make([][]string, 0, len(e.Flows))
	for _, f := range e.Flows {
		verdicts = append(verdicts, []string{f.Port, oneOf(f.Allowed, "allowed", "denied"), fmt.Sprint(f.Row), f.Why})
		sides = append(sides, []string{f.Port, sideText(f.Leaves), sideText(f.Enters)})
	}
	parts := []string{
		ui.Table([]string{"", "POD", "WHAT", "LABELS"}, ends),
		ui.Table([]string{"PORT", "VERDICT", "ROW", "WHY"}, verdicts),
		ui.Table([]string{"PORT", "LEAVES", "ENTERS"}, sides),
	}
	for _, note := range e.Notes {
		parts = append(parts, "Note: "+note)
	}
	return strings.Join(parts, "\n\n") + "\n"
}

func sideText(s admin.JudgedSide) string {
	switch {
	case !s.Held:
		return "open: no policy of a tenant holds it"
	case s.Open != nil && !*s.Open:
		return "closed: no rule opens it"
	case len(s.Rules) == 0:
		return oneOf(s.Open, "open", "closed")
	}
	return "open: " + strings.Join(s.Rules, "; ")
}

// oneOf is a word for yes or no, and "unknown" where nobody can tell.
func oneOf(is *bool, yes, no string) string {
	switch {
	case is == nil:
		return "unknown"
	case *is:
		return yes
	}
	return no
}

func labelList(labels map[string]string) string {
	pairs := make([]string, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, key+"="+labels[key])
	}
	return strings.Join(pairs, ", ")
}
