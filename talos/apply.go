// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"
	"errors"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc/codes"
)

// maxDetails bounds the text of a dry run: a diff is never longer than two configs.
const maxDetails = 1 << 20

// undecodable is how the answer of a node in maintenance before 1.13 begins.
const undecodable = "failed to parse config"

// DryRun has the node judge a config against its hardware and its present config, and change nothing. The details are
// the node's own words, a diff on a configured node; secrets are taken out of them.
func (c *Client) DryRun(ctx context.Context, config []byte) (string, error) {
	reply, err := c.apply(ctx, "dry run of the config", config, true)
	if err != nil {
		return "", err
	}

	var text []string

	for _, message := range reply.GetMessages() {
		text = append(text, message.GetModeDetails())
		text = append(text, message.GetWarnings()...)
	}

	return clean(redactConfig(strings.TrimSpace(strings.Join(text, "\n")), config), maxDetails), nil
}

// Apply sends a config. A node in maintenance answers before it installs itself and reboots: what became of it shows
// in [Probe] and [Client.Status]. [ErrAlreadyApplying] means that an earlier Apply is being carried out, and
// [ErrUnavailable] that the config may have arrived or not.
func (c *Client) Apply(ctx context.Context, config []byte) error {
	_, err := c.apply(ctx, "apply config", config, false)

	return err
}

// apply uses the mode AUTO, the only one that is right on every version.
func (c *Client) apply(
	ctx context.Context, op string, config []byte, dryRun bool,
) (*machine.ApplyConfigurationResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	reply, err := c.api.ApplyConfiguration(ctx, &machine.ApplyConfigurationRequest{
		Data:   config,
		Mode:   machine.ApplyConfigurationRequest_AUTO,
		DryRun: dryRun,
	})
	if err == nil {
		return reply, nil
	}

	failure := c.fail(ctx, op, err, map[codes.Code]error{
		codes.FailedPrecondition: ErrAlreadyApplying,
		codes.InvalidArgument:    ErrInvalidConfig,
	})

	var call *CallError
	if errors.As(failure, &call) {
		// Before 1.13 a node in maintenance gives a config that it can't decode no code (seen with 1.12.0).
		if call.Code == codes.Unknown && strings.HasPrefix(call.text, undecodable) {
			call.kind = ErrInvalidConfig
		}

		call.text = redactConfig(call.text, config) // the node quotes what it refuses
	}

	return nil, failure
}
