// SPDX-License-Identifier: Apache-2.0

package power

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/stmcginnis/gofish"
	"github.com/stmcginnis/gofish/schemas"
)

const (
	// answerTimeout bounds one request.
	answerTimeout = 30 * time.Second
	// maxAnswer bounds one answer: a controller is a machine on the network like any other.
	maxAnswer = 4 << 20
)

// redfish is a machine behind a Redfish service. Every request carries the login (DSP0266 wants HTTP Basic of every
// service), so that no session is left behind.
type redfish struct {
	client *gofish.APIClient
	system *schemas.ComputerSystem
}

func openRedfish(ctx context.Context, b BMC, at *url.URL) (controller, error) {
	config, err := b.tlsConfig()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true} // no proxy: it is on our own network
	client, err := gofish.ConnectContext(ctx, gofish.ClientConfig{
		Endpoint: strings.TrimPrefix(at.Scheme, "redfish+") + "://" + at.Host,
		Username: b.Username, Password: b.Password, BasicAuth: true, NoModifyTransport: true,
		HTTPClient: &http.Client{
			Transport: bounded{transport}, Timeout: answerTimeout,
			// A login is for the controller alone, not for where it leads to.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		},
	})
	if err != nil {
		return nil, explain(err)
	}
	r := &redfish{client: client}
	if r.system, err = r.find(at.Path); err != nil {
		return nil, explain(err)
	}
	return r, nil
}

// find reads the system that the path names, or the only one.
func (r *redfish) find(path string) (*schemas.ComputerSystem, error) {
	if path = strings.TrimSuffix(path, "/"); path != "" {
		return schemas.GetComputerSystem(r.client, path)
	}
	systems, err := r.client.Service.Systems()
	if err != nil {
		return nil, err
	}
	if len(systems) != 1 {
		var paths []string
		for _, s := range systems {
			paths = append(paths, s.ODataID)
		}
		slices.Sort(paths)
		return nil, fmt.Errorf("it has %d systems: give the machine's path in the address: %s", len(systems), strings.Join(paths, ", "))
	}
	return systems[0], nil
}

func (r *redfish) status(context.Context) (State, error) { return State(r.system.PowerState), nil }

func (r *redfish) on(context.Context) error {
	return r.order(schemas.OnResetType, schemas.ForceOnResetType, schemas.PushPowerButtonResetType)
}

func (r *redfish) off(context.Context) error { return r.order(schemas.ForceOffResetType) }

func (r *redfish) reset(context.Context) error {
	return r.order(schemas.ForceRestartResetType, schemas.PowerCycleResetType)
}

// order sends the first of the resets that the system says it knows. One that says nothing gets the first of all.
func (r *redfish) order(wanted ...schemas.ResetType) error {
	known, err := r.system.GetSupportedResetTypes()
	if err != nil {
		return explain(err)
	}
	for _, reset := range wanted {
		if len(known) == 0 || slices.Contains(known, reset) {
			_, err := r.system.Reset(reset)
			return explain(err)
		}
	}
	return fmt.Errorf("it knows none of %v, only %v", wanted, known)
}

// netboot overrides the boot order for one boot: by PXE where it can, else by UEFI HTTP boot. The firmware stays in the mode
// it is in.
func (r *redfish) netboot(context.Context) error {
	known := r.system.Boot.AllowableBootSourceOverrideTargetValues
	for _, target := range []schemas.BootSource{schemas.PxeBootSource, schemas.UefiHTTPBootSource} {
		if len(known) == 0 || slices.Contains(known, target) {
			return explain(r.system.SetBoot(&schemas.Boot{
				BootSourceOverrideEnabled: schemas.OnceBootSourceOverrideEnabled, BootSourceOverrideTarget: target,
			}))
		}
	}
	return fmt.Errorf("it can't be told to boot from the network once: it knows only %v", known)
}

func (r *redfish) close(context.Context) {}

// LoginError says that the controller refuses the login.
type LoginError struct{ Err error }

// Error implements error.
func (e *LoginError) Error() string { return "it refuses the login: " + e.Err.Error() }

// Unwrap returns the controller's answer.
func (e *LoginError) Unwrap() error { return e.Err }

// Hint says what to look at.
func (e *LoginError) Hint() string {
	return "check bmc.username and the content of bmc.passwordFile, and that the account may use Redfish or IPMI over LAN as an administrator"
}

// explain finds the refusal of a login in an error, also in that of a collection, which does not unwrap to it.
func explain(err error) error {
	if several := (*schemas.CollectionError)(nil); errors.As(err, &several) {
		for _, one := range several.Failures {
			err = one
		}
	}
	var answer *schemas.Error
	if errors.As(err, &answer) && (answer.HTTPReturnedStatusCode == http.StatusUnauthorized || answer.HTTPReturnedStatusCode == http.StatusForbidden) {
		return &LoginError{Err: err}
	}
	return err
}

// bounded cuts answers that are larger than any can rightly be.
type bounded struct{ next http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (b bounded) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := b.next.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	response.Body = struct {
		io.Reader
		io.Closer
	}{io.LimitReader(response.Body, maxAnswer), response.Body}
	return response, nil
}
