// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"archive/tar"
	"bytes"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// A byte that changes on the way is noticed, wherever it is, and its file is named.
func TestAFlippedByteIsNamed(t *testing.T) {
	up := newUpstream(t)
	file, _ := saved(t, bothPlatforms(t, up.push(t, "team/a:1", index(t, "linux/amd64"))))
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	a, err := Open(file, Trust{Unsigned: true})
	require.NoError(t, err)
	defer a.Close()
	require.Greater(t, len(a.parts), 8)
	for name, part := range a.parts {
		broken := bytes.Clone(whole)
		broken[part.at+part.size/2] ^= 1
		opened, err := read(bytes.NewReader(broken), int64(len(broken)), "x", Trust{Unsigned: true})
		if err == nil {
			err = opened.Check(t.Context())
		}
		require.ErrorContains(t, err, name+" in the archive was changed")
	}
}

func TestACutArchiveIsRefused(t *testing.T) {
	up := newUpstream(t)
	file, _ := saved(t, bothPlatforms(t, up.push(t, "team/a:1", index(t, "linux/amd64"))))
	whole, err := os.ReadFile(file)
	require.NoError(t, err)
	for at := 0; at < len(whole)-2048; at += 333 { // two empty blocks and padding end it
		_, err := read(bytes.NewReader(whole[:at]), int64(at), "x", Trust{Unsigned: true})
		var broken *BrokenError
		require.ErrorAs(t, err, &broken, "%d of %d bytes", at, len(whole))
	}
}

func TestSignaturesDecideFirst(t *testing.T) {
	key, trust := testKey(t)
	_, stranger := testKey(t)
	unsigned, _ := saved(t, bothPlatforms(t))
	s := bothPlatforms(t)
	s.Key = key
	signed, _ := saved(t, s)
	for name, test := range map[string]struct {
		file  string
		trust Trust
		want  any
	}{
		"another key":                          {signed, stranger, new(*SignatureError)},
		"no key to check with":                 {signed, Trust{}, new(*NoPublicKeyError)},
		"unsigned is not for signed ones":      {signed, Trust{Unsigned: true}, new(*NoPublicKeyError)},
		"no signature":                         {unsigned, Trust{}, new(*UnsignedError)},
		"no signature where a key is expected": {unsigned, Trust{Key: trust.Key, Unsigned: true}, new(*UnsignedError)},
	} {
		_, err := Open(test.file, test.trust)
		require.ErrorAs(t, err, test.want, name)
	}
	whole, err := os.ReadFile(signed)
	require.NoError(t, err)
	whole[512] = 'f' // the first sum is changed, and the signature holds no more
	_, err = read(bytes.NewReader(whole), int64(len(whole)), "x", trust)
	require.ErrorAs(t, err, new(*SignatureError))
}

// TestOpenSSHVerifies: an operator needs no program of ours to check an archive.
func TestOpenSSHVerifies(t *testing.T) {
	keygen, err := exec.LookPath("ssh-keygen")
	if err != nil {
		t.Skip("there is no ssh-keygen: nothing is proven")
	}
	dir := t.TempDir()
	key, err := MakeKey(filepath.Join(dir, "key"))
	require.NoError(t, err)
	s := bothPlatforms(t)
	s.Key = key
	file, _ := saved(t, s)
	from, err := os.Open(file)
	require.NoError(t, err)
	defer from.Close()
	in := tar.NewReader(from)
	files := map[string][]byte{}
	for range 2 {
		h, err := in.Next()
		require.NoError(t, err)
		files[h.Name], err = io.ReadAll(in)
		require.NoError(t, err)
	}
	signers, signature := filepath.Join(dir, "signers"), filepath.Join(dir, "sig")
	require.NoError(t, os.WriteFile(signers, []byte("me "+key.Public()+"\n"), 0o600))
	require.NoError(t, os.WriteFile(signature, files[signatureFile], 0o600))
	run := exec.CommandContext(t.Context(), keygen, "-Y", "verify", "-f", signers, "-I", "me", "-n", signatureNamespace, "-s", signature)
	run.Stdin = bytes.NewReader(files[sumsFile])
	out, err := run.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

func TestKeysAreForTheirOwner(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key")
	_, err := ReadKey(file)
	require.ErrorAs(t, err, new(*NoKeyError))
	made, err := MakeKey(file)
	require.NoError(t, err)
	info, err := os.Stat(file)
	require.NoError(t, err)
	require.Equal(t, os.FileMode(0o600), info.Mode())
	again, err := ReadKey(file)
	require.NoError(t, err)
	require.Equal(t, made.Public(), again.Public())
	_, err = MakeKey(file)
	require.ErrorIs(t, err, os.ErrExist, "a key is never written over")
}

// tarOf makes a tar file of headers with contents, as an attacker would.
func tarOf(t testing.TB, entries ...tar.Header) []byte {
	t.Helper()
	var out bytes.Buffer
	w := tar.NewWriter(&out)
	for _, h := range entries {
		content := []byte(h.Uname)
		h.Uname, h.Mode = "", 0o644
		if h.Typeflag == 0 {
			h.Typeflag = tar.TypeReg
		}
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(content))
		}
		require.NoError(t, w.WriteHeader(&h))
		if h.Typeflag == tar.TypeReg {
			_, err := w.Write(content)
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.Close())
	return out.Bytes()
}

// hostile are archives that nobody should take, by why.
func hostile(t testing.TB) map[string][]byte {
	t.Helper()
	contents := `{"format":1}`
	sums := func(lines ...string) tar.Header {
		text := sumOf([]byte(contents)).Hex + "  " + contentsFile + "\n"
		for _, line := range lines {
			text += line + "\n"
		}
		return tar.Header{Name: sumsFile, Uname: text}
	}
	one := tar.Header{Name: contentsFile, Uname: contents}
	asset := sumOf([]byte("x")).Hex + "  assets/x"
	return map[string][]byte{
		"is not where it should be":   tarOf(t, one, sums()),
		"no such file belongs":        tarOf(t, sums(), one, tar.Header{Name: "../../etc/passwd", Uname: "x"}),
		"\"assets/../x\"":             tarOf(t, sums(), one, tar.Header{Name: "assets/../x", Uname: "x"}),
		"is no plain file":            tarOf(t, sums(asset), one, tar.Header{Name: "assets/x", Typeflag: tar.TypeSymlink, Linkname: "/etc/passwd"}),
		"is not in SHA256SUMS":        tarOf(t, sums(), one, tar.Header{Name: "assets/x", Uname: "x"}),
		"is there twice":              tarOf(t, sums(asset), one, tar.Header{Name: "assets/x", Uname: "x"}, tar.Header{Name: "assets/x", Uname: "y"}),
		"it lacks 1 of 2 files":       tarOf(t, sums(asset), one),
		"SHA256SUMS, line 2":          tarOf(t, sums(sumOf(nil).Hex+"  ../x"), one),
		"a blob is named by":          tarOf(t, sums(sumOf(nil).Hex+"  "+blobsFolder+sumOf([]byte("x")).Hex), one),
		"extended headers":            tarOf(t, sums(asset), one, tar.Header{Name: "assets/x", Uname: "x", PAXRecords: map[string]string{"A.b": "c"}}),
		"archive.json in the archive": tarOf(t, sums(), tar.Header{Name: contentsFile, Uname: `{"format":2}`}),
	}
}

func TestHostileArchivesAreRefused(t *testing.T) {
	for why, content := range hostile(t) {
		_, err := read(bytes.NewReader(content), int64(len(content)), "x", Trust{Unsigned: true})
		require.ErrorContains(t, err, why)
	}
}

func TestHostileContentsAreRefused(t *testing.T) {
	for why, raw := range map[string]string{
		"format 2":                 `{"format":2}`,
		"not a name and a version": `{"format":1,"charts":[{"name":"../x","version":"1"}]}`,
		"not the name of a file":   `{"format":1,"assets":[{"name":"../x"}]}`,
		"invalid reference format": `{"format":1,"images":[{"name":"../x"}]}`,
		"is no SHA-256":            `{"format":1,"images":[{"name":"a"}]}`,
		"unexpected end of JSON":   `{`,
	} {
		_, err := parseContents([]byte(raw))
		require.ErrorContains(t, err, why)
	}
}

// FuzzRead: whatever a file holds, it is refused, or every part of it lies inside and can be checked.
func FuzzRead(f *testing.F) {
	for _, content := range hostile(f) {
		f.Add(content)
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		a, err := read(bytes.NewReader(content), int64(len(content)), "x", Trust{Unsigned: true})
		if err != nil {
			return
		}
		for name, part := range a.parts {
			require.True(t, isFileName(name))
			require.True(t, part.at >= 0 && part.size >= 0 && part.at+part.size <= int64(len(content)))
		}
		_ = a.Check(t.Context())
		_ = a.Roots()
	})
}
