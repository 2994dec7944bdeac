// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"context"
	"errors"

	"github.com/siderolabs/talos/pkg/machinery/api/machine"
	"google.golang.org/grpc/codes"
)

// Reconfigure sends a config to a running node, which takes it over without a reboot or refuses it with
// [ErrInvalidConfig]: Talos 1.11 cannot change everything so. Sending the same config again changes nothing.
func (c *Client) Reconfigure(ctx context.Context, config []byte) error {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()

	_, err := c.api.ApplyConfiguration(ctx, &machine.ApplyConfigurationRequest{
		Data: config,
		Mode: machine.ApplyConfigurationRequest_NO_REBOOT,
	})
	if err == nil {
		return nil
	}

	failure := c.fail(ctx, "change the config", err, map[codes.Code]error{
		codes.FailedPrecondition: ErrAlreadyApplying,
		codes.InvalidArgument:    ErrInvalidConfig,
	})

	var call *CallError
	if errors.As(failure, &call) {
		call.text = redactConfig(call.text, config)
	}

	return failure
}
