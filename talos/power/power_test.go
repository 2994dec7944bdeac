// SPDX-License-Identifier: Apache-2.0

package power_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bougou/go-ipmi/pkg/bmc"
	"github.com/bougou/go-ipmi/pkg/clock"
	"github.com/bougou/go-ipmi/pkg/hal/mock"
	"github.com/bougou/go-ipmi/pkg/server"
	"github.com/bougou/go-ipmi/pkg/transport/udp"
	"github.com/bougou/go-ipmi/pkg/types"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos/power"
)

const password = "hunter2-hunter2"

// simulatedBMC is a small Redfish service with one system, written for these tests.
type simulatedBMC struct {
	mu      sync.Mutex
	power   string
	resets  []string // what it allows; nil: it does not say
	targets []string // what it can boot from once; nil: it does not say
	systems int
	fail    int // answered to everything, if not 0
	orders  []string
}

func (s *simulatedBMC) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	user, secret, _ := r.BasicAuth()
	answer := func(code int, value any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(code)
		_ = json.NewEncoder(w).Encode(value)
	}
	system := "/redfish/v1/Systems/1"
	switch {
	case s.fail != 0:
		answer(s.fail, map[string]any{"error": map[string]any{"code": "x", "message": "busy \x1b[2J " + secret}})
	case strings.TrimSuffix(r.URL.Path, "/") == "/redfish/v1":
		answer(200, map[string]any{"Systems": map[string]any{"@odata.id": "/redfish/v1/Systems"}})
	case user != "admin" || secret != password:
		answer(401, map[string]any{"error": map[string]any{"code": "x", "message": "no"}})
	case r.URL.Path == "/redfish/v1/Systems":
		members := []any{}
		for i := range s.systems {
			members = append(members, map[string]any{"@odata.id": fmt.Sprintf("/redfish/v1/Systems/%d", i+1)})
		}
		answer(200, map[string]any{"Members": members, "Members@odata.count": s.systems})
	case r.Method == http.MethodPatch && r.URL.Path == system:
		var body struct{ Boot map[string]string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		s.orders = append(s.orders, "boot "+body.Boot["BootSourceOverrideEnabled"]+" "+body.Boot["BootSourceOverrideTarget"])
		answer(200, map[string]any{})
	case strings.HasSuffix(r.URL.Path, "/Actions/ComputerSystem.Reset"):
		var body struct{ ResetType string }
		_ = json.NewDecoder(r.Body).Decode(&body)
		s.orders = append(s.orders, body.ResetType)
		w.WriteHeader(http.StatusNoContent)
	default:
		action := map[string]any{"target": r.URL.Path + "/Actions/ComputerSystem.Reset"}
		if s.resets != nil {
			action["ResetType@Redfish.AllowableValues"] = s.resets
		}
		boot := map[string]any{}
		if s.targets != nil {
			boot["BootSourceOverrideTarget@Redfish.AllowableValues"] = s.targets
		}
		answer(200, map[string]any{
			"@odata.id": r.URL.Path, "Id": "1", "PowerState": s.power, "Boot": boot,
			"Actions": map[string]any{"#ComputerSystem.Reset": action},
		})
	}
}

// serve runs it with a self-signed certificate, as controllers have one.
func (s *simulatedBMC) serve(t *testing.T) power.BMC {
	t.Helper()
	if s.systems == 0 {
		s.systems = 1
	}
	web := httptest.NewTLSServer(s)
	t.Cleanup(web.Close)
	sum := sha256.Sum256(web.Certificate().Raw)
	return power.BMC{
		Address: "redfish+" + web.URL, Username: "admin", Password: password, Fingerprint: hex.EncodeToString(sum[:]),
	}
}

func TestRedfishSwitchesAsTheControllerAllows(t *testing.T) {
	on := func(ctx context.Context, b power.BMC) error { return power.SwitchOn(ctx, b, true) }
	cycle := func(ctx context.Context, b power.BMC) error { return power.Cycle(ctx, b, false) }
	for name, tc := range map[string]struct {
		bmc    *simulatedBMC
		do     func(context.Context, power.BMC) error
		orders []string
		err    string
	}{
		"on, by a controller that says nothing of itself": {&simulatedBMC{power: "Off"}, on, []string{"boot Once Pxe", "On"}, ""},
		"on, by one without On and PXE": {
			&simulatedBMC{power: "Off", resets: []string{"ForceOff", "PushPowerButton"}, targets: []string{"Hdd", "UefiHttp"}},
			on,
			[]string{"boot Once UefiHttp", "PushPowerButton"},
			"",
		},
		"on, which it is":                 {&simulatedBMC{power: "On"}, on, nil, ""},
		"on, without network boot":        {&simulatedBMC{power: "Off", targets: []string{"Hdd"}}, on, nil, "it knows only [Hdd]"},
		"off":                             {&simulatedBMC{power: "On"}, power.SwitchOff, []string{"ForceOff"}, ""},
		"off, which it is":                {&simulatedBMC{power: "Off"}, power.SwitchOff, nil, ""},
		"cycle":                           {&simulatedBMC{power: "On"}, cycle, []string{"ForceRestart"}, ""},
		"cycle, by one without it":        {&simulatedBMC{power: "On", resets: []string{"PowerCycle", "On"}}, cycle, []string{"PowerCycle"}, ""},
		"cycle of a machine that is off":  {&simulatedBMC{power: "Off"}, cycle, []string{"On"}, ""},
		"cycle, by one that knows no way": {&simulatedBMC{power: "On", resets: []string{"Nmi"}}, cycle, nil, "only [Nmi]"},
		"two systems":                     {&simulatedBMC{power: "Off", systems: 2}, on, nil, "/redfish/v1/Systems/1, /redfish/v1/Systems/2"},
		"a controller that is busy":       {&simulatedBMC{fail: 503}, on, nil, "503"},
	} {
		t.Run(name, func(t *testing.T) {
			b := tc.bmc.serve(t)
			err := tc.do(t.Context(), b)
			require.Equal(t, tc.orders, tc.bmc.orders)
			if tc.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, tc.err)
			require.ErrorContains(t, err, "by "+b.Address)
			require.NotContains(t, err.Error(), password)
			require.NotContains(t, err.Error(), "\x1b")
		})
	}
}

func TestALoginIsSentToTheRightControllerOnly(t *testing.T) {
	s := &simulatedBMC{power: "On"}
	b := s.serve(t)
	state, err := power.Status(t.Context(), b)
	require.NoError(t, err)
	require.Equal(t, power.On, state)

	seen := b.Fingerprint
	for _, pin := range []string{"", strings.Repeat("00", 32)} {
		b.Fingerprint = pin
		_, err = power.Status(t.Context(), b)
		var untrusted *power.CertificateError
		require.ErrorAs(t, err, &untrusted)
		require.Equal(t, seen, untrusted.Fingerprint)
		require.Contains(t, untrusted.Hint(), "bmc.fingerprint")
	}

	b.Fingerprint, b.Password = seen, "wrong-password"
	_, err = power.Status(t.Context(), b)
	var login *power.LoginError
	require.ErrorAs(t, err, &login)
	require.NotContains(t, err.Error(), b.Password)
	require.NotContains(t, fmt.Sprintf("%v %+v %#v %s %x", b, b, b, b, b), b.Password)
}

func TestASilentControllerEndsWithTheContext(t *testing.T) {
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer silent.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	start := time.Now()
	_, err = power.Status(ctx, power.BMC{Address: "redfish+https://" + silent.Addr().String()})
	require.ErrorIs(t, err, context.DeadlineExceeded)
	require.Less(t, time.Since(start), 5*time.Second)
}

// The peer is the server of the IPMI client's own library: it shows that the calls fit the protocol as one author reads it.
func TestIPMISwitchesTheLibrarysOwnServer(t *testing.T) {
	hal := mock.New()
	state := bmc.New(bmc.DeviceInfo{IPMIVersion: 0x20}, [16]byte{}, hal, bmc.WithClock(clock.Real))
	admin, err := state.Users.Add(2, "admin")
	require.NoError(t, err)
	admin.SetPassword([]byte(password))
	admin.Enabled = true
	admin.ChannelAccess[1] = bmc.UserChannelAccess{MaxPrivilege: bmc.PrivilegeLevelAdministrator, Enabled: true}
	conn, err := net.ListenUDP("udp", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.NewServer(state, udp.Wrap(conn, udp.WithReadTimeout(100*time.Millisecond))).Serve(ctx)
	}()
	defer func() { stop(); _ = conn.Close(); <-done }()

	b := power.BMC{Address: "ipmi://" + conn.LocalAddr().String(), Username: "admin", Password: password}
	require.NoError(t, hal.Chassis().SetPower(t.Context(), false))
	require.NoError(t, power.SwitchOn(t.Context(), b, true))
	now, err := power.Status(t.Context(), b)
	require.NoError(t, err)
	require.Equal(t, power.On, now)
	flags, err := hal.Chassis().GetBootFlags(t.Context())
	require.NoError(t, err)
	require.Equal(t, types.BootDeviceSelectorForcePXE, flags.BootDeviceSelector)
	require.Equal(t, types.BIOSBootTypeEFI, flags.BIOSBootType)
	require.False(t, flags.Persist)
	require.NoError(t, power.Cycle(t.Context(), b, false))
	require.NoError(t, power.SwitchOff(t.Context(), b))
	now, err = power.Status(t.Context(), b)
	require.NoError(t, err)
	require.Equal(t, power.Off, now)

	b.Password = "wrong-password"
	_, err = power.Status(t.Context(), b)
	require.Error(t, err)
	require.NotContains(t, err.Error(), b.Password)
}
