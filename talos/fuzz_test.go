// SPDX-License-Identifier: Apache-2.0

package talos

import (
	"bytes"
	"os"
	"testing"
	"unicode/utf8"
)

// FuzzUnpackKubeconfig feeds what a node may send in place of a kubeconfig.
func FuzzUnpackKubeconfig(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("\x1f\x8b\x08\x00"))

	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := unpackKubeconfig(bytes.NewReader(data))
		if (err == nil) != (len(got) > 0) || len(got) > maxKubeconfig {
			t.Fatalf("got %d bytes and error %v", len(got), err)
		}
	})
}

// FuzzRedactConfig feeds what a node may say about a config: none of its secrets comes through, and nothing that a
// terminal would act on.
func FuzzRedactConfig(f *testing.F) {
	config, err := os.ReadFile("testdata/worker-1.13.golden.yaml")
	if err != nil {
		f.Fatal(err)
	}

	const token = "rtwa0n.rg1emjn08ddz4r02"

	f.Add("  token: " + token)
	f.Add("-    key: AAAA\n \x1b[31m" + token + token)
	f.Add(string(config))

	f.Fuzz(func(t *testing.T, text string) {
		got := clean(redactConfig(text+token, config), maxDetails)
		if bytes.Contains([]byte(got), []byte(token)) || bytes.ContainsRune([]byte(got), '\x1b') || !utf8.ValidString(got) {
			t.Fatalf("got %q", got)
		}
	})
}

// FuzzField feeds the facts that a node tells about itself.
func FuzzField(f *testing.F) {
	f.Add(" SN-1\x00\x1b[2J\r\n ")
	f.Add("\xff\xfe")

	f.Fuzz(func(t *testing.T, text string) {
		got := field(text)
		if len(got) > 300 || !utf8.ValidString(got) || bytes.ContainsAny([]byte(got), "\x00\x1b\r\n\t") {
			t.Fatalf("got %q", got)
		}
	})
}
