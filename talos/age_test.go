// SPDX-License-Identifier: Apache-2.0

package talos_test

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/require"

	"github.com/cozystack/cozy-install/talos"
)

func TestWhatIsSealedIsOpenedByItsIdentityAlone(t *testing.T) {
	mine, err := age.GenerateX25519Identity()
	require.NoError(t, err)
	other, err := age.GenerateX25519Identity()
	require.NoError(t, err)

	plain := bytes.Repeat([]byte("etcd"), 50_000)

	var binary bytes.Buffer

	w, err := talos.Seal(&binary, []string{mine.Recipient().String()})
	require.NoError(t, err)
	_, err = w.Write(plain)
	require.NoError(t, err)
	require.NoError(t, w.Close())

	armoured, err := talos.Encrypt(plain, []string{mine.Recipient().String()})
	require.NoError(t, err)

	for _, sealed := range [][]byte{binary.Bytes(), armoured} {
		require.True(t, talos.Sealed(sealed))

		r, err := talos.Unseal(bytes.NewReader(sealed), strings.NewReader(mine.String()))
		require.NoError(t, err)
		got, err := io.ReadAll(r)
		require.NoError(t, err)
		require.True(t, bytes.Equal(plain, got))

		_, err = talos.Unseal(bytes.NewReader(sealed), strings.NewReader(other.String()))
		require.ErrorIs(t, err, talos.ErrNoIdentity)

		r, err = talos.Unseal(bytes.NewReader(sealed[:len(sealed)-len(sealed)/4]), strings.NewReader(mine.String()))
		require.NoError(t, err)
		_, err = io.ReadAll(r)
		require.Error(t, err, "what was cut off is noticed")
	}

	require.False(t, talos.Sealed(plain))
	_, err = talos.Seal(io.Discard, nil)
	require.ErrorContains(t, err, "no age recipient")
	_, err = talos.Seal(io.Discard, []string{"age1nonsense"})
	require.ErrorContains(t, err, "recipients")
}
