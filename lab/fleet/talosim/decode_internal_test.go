// SPDX-License-Identifier: Apache-2.0

package talosim

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEachVersionRefusesWhatItCannotDecode has the errors that the loaders of machinery 1.11.6, 1.12.6 and 1.13.9 gave for
// the same bytes.
func TestEachVersionRefusesWhatItCannotDecode(t *testing.T) {
	const base = "version: v1alpha1\nmachine:\n  type: worker\n"

	volume := base + "---\napiVersion: v1alpha1\nkind: UserVolumeConfig\nname: data\nvolumeType: disk\nmount:\n  secure: true\n"
	twice := base + "cluster:\n  apiServer:\n    extraArgs:\n      a: b\n      c: [d, e]\n"
	uki := base + "  install:\n    grubUseUKICmdline: true\n"
	green := base + "  colour: green\n"
	vrf := base + "---\napiVersion: v1alpha1\nkind: VRFConfig\nname: blue\n"

	for name, test := range map[string]struct{ version, config, want string }{
		"what all know":              {"v1.11.6", base, ""},
		"a kind of 1.12 on 1.11":     {"v1.11.0-beta.1", base + "---\napiVersion: v1alpha1\nkind: LinkConfig\nname: a\n", `"LinkConfig" "v1alpha1": not registered`},
		"that kind on 1.12":          {"v1.12.0", base + "---\napiVersion: v1alpha1\nkind: LinkConfig\nname: a\n", ""},
		"a kind of 1.13 on 1.12":     {"v1.12.6", vrf, `error decoding document v1alpha1/VRFConfig/blue (line 5): "VRFConfig" "v1alpha1": not registered`},
		"that kind on 1.13":          {"v1.13.0", vrf, ""},
		"a key of 1.12 on 1.11":      {"v1.11.6", uki, "unknown keys found during decoding:\nmachine:\n    install:\n        grubUseUKICmdline: true\n"},
		"that key on 1.12":           {"v1.12.6", uki, ""},
		"keys of a further document": {"v1.11.6", volume, "unknown keys found during decoding:\nmount:\n    secure: true\nvolumeType: disk\n"},
		"one of them on 1.12":        {"v1.12.6", volume, "error decoding document v1alpha1/UserVolumeConfig/data (line 5): unknown keys found during decoding:\nmount:\n    secure: true\n"},
		"a list as an argument": {
			"v1.12.6", twice, "error decoding document /v1alpha1/ (line 1): error decoding  to *v1alpha1.Config: yaml: unmarshal errors:\n  line 8: cannot unmarshal !!seq into string",
		},
		"that list on 1.13":           {"v1.13.9", twice, ""},
		"what nobody knows":           {"v1.12.6", green, "error decoding document /v1alpha1/ (line 1): unknown keys found during decoding:\nmachine:\n    colour: green\n"},
		"what nobody knows on 1.12.0": {"v1.12.0", green, "unknown keys found during decoding:\nmachine:\n    colour: green\n"},
		"what nobody knows on 1.11":   {"v1.11.6", green, "unknown keys found during decoding:\nmachine:\n    colour: green\n"},
		"a list as an argument on 1.11": {
			"v1.11.6", twice, "error decoding  to *v1alpha1.Config: yaml: unmarshal errors:\n  line 8: cannot unmarshal !!seq into string",
		},
		"what nobody knows on 1.13": {"v1.13.9", green, "error decoding document /v1alpha1/ (line 1): unknown keys found during decoding:\nmachine:\n    colour: green\n"},
		"a kind that nobody knows":  {"v1.12.6", base + "---\napiVersion: v1alpha1\nkind: Colour\n", `error decoding document v1alpha1/Colour/ (line 5): "Colour" "v1alpha1": not registered`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := decode(test.version, []byte(test.config))
			if test.want == "" {
				require.NoError(t, err)

				return
			}

			require.EqualError(t, err, test.want)
		})
	}
}
