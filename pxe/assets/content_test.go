// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The beginnings of real files, as far as they are looked at.
func TestContentIsRecognised(t *testing.T) {
	at := func(offset int, text string) []byte {
		return append(append([]byte("MZ"), make([]byte, offset-2)...), text...)
	}
	amd64, arm64 := filesFor(AMD64, false), filesFor(ARM64, false)
	program := func(machine string) []byte {
		data := at(0x3c, "\x80\x00\x00\x00")
		return append(append(data, make([]byte, 0x80-len(data))...), "PE\x00\x00"+machine...)
	}
	for name, c := range map[string]struct {
		file file
		data []byte
		good bool
	}{
		"bzImage":                      {amd64.kernel, at(0x202, "HdrS"), true},
		"arm64 Image":                  {arm64.kernel, at(56, "ARM\x64"), true},
		"arm64 zboot":                  {arm64.kernel, at(4, "zimg"), true},
		"arm64 Image for amd64":        {amd64.kernel, at(56, "ARM\x64"), false},
		"bzImage for arm64":            {arm64.kernel, at(0x202, "HdrS"), false},
		"cut bzImage":                  {amd64.kernel, at(0x202, "HdrS")[:0x204], false},
		"ELF":                          {amd64.kernel, []byte("\x7fELF"), false},
		"xz":                           {amd64.initramfs, []byte("\xfd7zXZ\x00"), true},
		"zstd":                         {amd64.initramfs, []byte("\x28\xb5\x2f\xfd"), true},
		"gzip":                         {amd64.initramfs, []byte("\x1f\x8b\x08"), true},
		"cpio":                         {amd64.initramfs, []byte("070701"), true},
		"a page":                       {amd64.initramfs, []byte("<html>"), false},
		"EFI for amd64":                {amd64.uki, program("\x64\x86"), true},
		"EFI for arm64":                {arm64.uki, program("\x64\xaa"), true},
		"EFI for another architecture": {amd64.uki, program("\x64\xaa"), false},
		"DOS program":                  {amd64.uki, at(0x3c, "\x80\x00\x00\x00"), false},
		"PE header outside":            {amd64.uki, at(0x3c, "\xff\xff\xff\xff"), false},
		"kernel arguments":             {amd64.cmdline, []byte("a=b c\td\n"), true},
		"two lines":                    {amd64.cmdline, []byte("a=b\nc"), false},
		"control characters":           {amd64.cmdline, []byte("a=\x1b[2J"), false},
		"only blanks":                  {amd64.cmdline, []byte(" \n"), false},
	} {
		err := c.file.examine("f", bytes.NewReader(c.data), int64(len(c.data)))
		var wrong *ContentError
		if c.good {
			require.NoError(t, err, name)
		} else {
			require.ErrorAs(t, err, &wrong, name)
			require.NotEmpty(t, wrong.Hint())
		}
	}
}

// Go's own test data has the beginning of a real kernel, which is an EFI program at once.
func TestARealKernelIsRecognised(t *testing.T) {
	list, err := filepath.Glob(filepath.Join(runtime.GOROOT(), "src/debug/pe/testdata/vmlinuz-*")) //nolint:staticcheck // SA1019: a test runs where it was built
	require.NoError(t, err)
	if len(list) == 0 {
		t.Skip("Go's source is not installed: its debug/pe/testdata has a kernel")
	}
	data, err := os.ReadFile(list[0])
	require.NoError(t, err)
	for _, f := range []file{filesFor(AMD64, false).kernel, filesFor(AMD64, false).uki} {
		require.NoError(t, f.examine("f", bytes.NewReader(data), int64(len(data))))
	}
	for _, f := range []file{filesFor(ARM64, false).kernel, filesFor(ARM64, false).uki} {
		require.Error(t, f.examine("f", bytes.NewReader(data), int64(len(data))))
	}
}

func FuzzContent(f *testing.F) {
	for _, arch := range architectures() {
		for i, file := range filesFor(arch, false).all() {
			data := content(file)
			f.Add(i, arch == ARM64, data[:min(len(data), 0x210)])
		}
	}
	f.Fuzz(func(t *testing.T, which int, arm bool, data []byte) {
		names := filesFor(AMD64, false)
		if arm {
			names = filesFor(ARM64, false)
		}
		file := names.all()[uint(which)%4]
		if file.examine("f", bytes.NewReader(data), int64(len(data))) == nil && bytes.HasPrefix(data, []byte("<")) && file.kind != kernel {
			t.Fatalf("took a page for %s", contentOf(file))
		}
	})
}

func FuzzSums(f *testing.F) {
	f.Add(hashOf(nil) + "  kernel-amd64\n" + hashOf(nil) + " *a b\n")
	f.Add("\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		recorded, err := parseSums(strings.NewReader(text))
		if err != nil {
			return
		}
		again, err := parseSums(bytes.NewReader(recorded.text()))
		require.NoError(t, err)
		require.Equal(t, recorded, again)
	})
}

func FuzzCmdline(f *testing.F) {
	f.Add([]byte(arguments + "\n"))
	f.Add([]byte("a\x00b"))
	f.Fuzz(func(t *testing.T, text []byte) {
		args, ok := parseCmdline(text)
		if !ok {
			return
		}
		require.NotEmpty(t, args)
		for _, arg := range args {
			require.Regexp(t, `^[!-~]+$`, arg)
		}
		again, ok := parseCmdline([]byte(strings.Join(args, " ")))
		require.True(t, ok)
		require.Equal(t, args, again)
	})
}

func FuzzContentRange(f *testing.F) {
	f.Add("bytes 500-999/1000", `"tag"`, int64(500), int64(1000))
	f.Add("bytes 0-9/*", `W/"tag"`, int64(0), int64(0))
	f.Fuzz(func(t *testing.T, at, tag string, size, total int64) {
		answer := &http.Response{Header: http.Header{"Content-Range": {at}, "Etag": {tag}}}
		before := origin{Validator: `"tag"`, Total: total}
		if before.differs(answer, size) == "" && tag != `"tag"` {
			t.Fatalf("tag %q was taken for %q", tag, before.Validator)
		}
	})
}
