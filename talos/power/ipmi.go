// SPDX-License-Identifier: Apache-2.0

package power

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/bougou/go-ipmi/pkg/client"
	"github.com/bougou/go-ipmi/pkg/command/chassis"
	"github.com/bougou/go-ipmi/pkg/types"
)

const (
	ipmiPort = 623
	// packetTimeout is how long one packet is waited for before it is sent again; there are four more tries.
	packetTimeout = 2 * time.Second
)

// ipmi is a machine behind IPMI 2.0 over LAN (RMCP+). The protocol proves the password to both sides without sending it,
// but lets who asks take home what a password can be guessed from: keep controllers on a network of their own.
type ipmi struct {
	client *client.Client
	legacy bool
}

func openIPMI(ctx context.Context, b BMC, at *url.URL) (controller, error) {
	port := ipmiPort
	if text := at.Port(); text != "" {
		var err error
		if port, err = strconv.Atoi(text); err != nil {
			return nil, fmt.Errorf("port %q: not a number", text)
		}
	}
	c, err := client.NewClient(at.Hostname(), port, b.Username, b.Password)
	if err != nil {
		return nil, err
	}
	c.WithTimeout(packetTimeout)
	if err := c.Connect(ctx); err != nil {
		if errors.Is(err, client.ErrRAKPAuthentication) {
			return nil, &LoginError{Err: err}
		}
		return nil, err
	}
	return &ipmi{client: c, legacy: b.Legacy}, nil
}

func (i *ipmi) status(ctx context.Context) (State, error) {
	answer, err := i.client.GetChassisStatus(ctx)
	if err != nil {
		return "", err
	}
	if answer.PowerIsOn {
		return On, nil
	}
	return Off, nil
}

func (i *ipmi) on(ctx context.Context) error  { return i.control(ctx, chassis.ChassisControlPowerUp) }
func (i *ipmi) off(ctx context.Context) error { return i.control(ctx, chassis.ChassisControlPowerDown) }
func (i *ipmi) reset(ctx context.Context) error {
	return i.control(ctx, chassis.ChassisControlHardReset)
}

func (i *ipmi) control(ctx context.Context, order chassis.ChassisControl) error {
	_, err := i.client.ChassisControl(ctx, order)
	return err
}

// netboot sets the boot flags for one boot (IPMI 2.0, table 28-14, parameter 5).
func (i *ipmi) netboot(ctx context.Context) error {
	mode := types.BIOSBootTypeEFI
	if i.legacy {
		mode = types.BIOSBootTypeLegacy
	}
	return i.client.SetBootDevice(ctx, types.BootDeviceSelectorForcePXE, mode, false)
}

func (i *ipmi) close(ctx context.Context) { _ = i.client.Close(ctx) } // sessions end by themselves
