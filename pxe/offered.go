// SPDX-License-Identifier: Apache-2.0

package pxe

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/cozystack/cozy-install/pxe/assets"
	"github.com/cozystack/cozy-install/pxe/httpboot"
	"github.com/cozystack/cozy-install/pxe/ipxe"
	"github.com/cozystack/cozy-install/pxe/tftp"
)

// shelf is everything that is served, and nothing else is.
type shelf struct {
	offered Offered
	loaders ipxe.Loaders
	assets  assets.Assets
	root    *os.Root // of the assets
}

// openShelf reads and checks what will be served. The caller closes it.
func openShelf(c Config) (*shelf, error) {
	loaders, err := ipxe.Load(c.IPXEDir, needed(c))
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(c.Assets.Dir)
	if err != nil {
		return nil, fmt.Errorf("open the directory of boot assets: %w", err)
	}
	s := &shelf{loaders: loaders, assets: c.Assets, root: root, offered: Offered{
		BIOS: loaders.BIOS.Name, Native: loaders.Native.Name, UEFI: loaders.UEFI.Name, ARM64: loaders.ARM64.Name,
		UKI: map[string]string{}, Kernel: map[string]string{}, Sizes: map[string]int64{},
	}}
	if err := s.stock(); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return s, nil
}

// needed says which loaders must be there: those of x86-64 machines, since BIOS firmware has no other way. UEFI firmware
// can boot the UKI, which is the only way with Secure Boot, and the usual one of arm64.
func needed(c Config) ipxe.Need {
	var need ipxe.Need
	for _, m := range c.Machines {
		set := c.Assets.Sets[m.arch()]
		if m.arch() == archAMD64 {
			need.X86 = need.X86 || !c.SecureBoot && (c.IPXEDir != ipxe.NoDir || !set.UEFI())
		} else {
			need.ARM64 = need.ARM64 || !set.UEFI()
		}
		if m.Loader != "" {
			need.Named = append(need.Named, m.Loader)
		}
	}
	if len(c.Machines) == 0 {
		need.X86 = c.IPXEDir != ipxe.NoDir
	}
	return need
}

// stock notes what the assets have.
func (s *shelf) stock() error {
	for arch, set := range s.assets.Sets {
		if set.IPXE() {
			s.offered.Kernel[arch] = set.Kernel
		}
		if set.UEFI() {
			s.offered.UKI[arch] = set.UKI
		}
		for _, name := range []string{set.Kernel, set.Initramfs, set.UKI} {
			if name == "" {
				continue
			}
			info, err := s.root.Stat(name)
			if err != nil {
				return fmt.Errorf("serve %s: %w", filepath.Join(s.assets.Dir, name), err)
			}
			s.offered.Sizes[name] = info.Size()
		}
	}
	return nil
}

// spelled is the name under which a file is served that was asked for in any case: TFTP takes capitals too.
func (s *shelf) spelled(name string) string {
	for known := range s.offered.Sizes {
		if strings.EqualFold(known, name) {
			return known
		}
	}
	for _, loader := range s.loaders.All() {
		if strings.EqualFold(loader.Name, name) {
			return loader.Name
		}
	}
	return name
}

// byTFTP are loaders and UKIs: what firmware loads. Kernels are for iPXE, which has HTTP.
func (s *shelf) byTFTP() map[string]tftp.File {
	files := map[string]tftp.File{}
	for _, loader := range s.loaders.All() {
		files[loader.Name] = tftp.File{Data: loader.Data}
	}
	for _, uki := range s.offered.UKI {
		files[uki] = tftp.File{Root: s.root, Name: uki}
	}
	return files
}

func (s *shelf) byHTTP() map[string]httpboot.File {
	files := map[string]httpboot.File{}
	for _, loader := range s.loaders.All() {
		files[loader.Name] = httpboot.File{Data: loader.Data, Type: efiType(loader.Name)}
	}
	for name := range s.offered.Sizes {
		files[name] = httpboot.File{Root: s.root, Name: name, Type: efiType(name)}
	}
	return files
}

// efiType is the content type by which UEFI firmware knows a program (UEFI 2.10, 24.7.3); empty for other files.
func efiType(name string) string {
	if filepath.Ext(name) == ".efi" {
		return "application/efi"
	}
	return ""
}
