"""Opening the keys of an installation when a process starts."""

from botyard.core.accounts.token_keys import TokenKeys
from botyard.core.vault import has_data, open_keyring
from botyard.kit import keypairs
from botyard.kit.db import Database
from botyard.kit.keys import KeyFiles, SigningKey
from botyard.settings import Settings


async def open_keys(db: Database, settings: Settings) -> SigningKey:
    """Add key ring, signing key and token keys to the parts; makes what a first start has to make.

    Only a database that was sealed refuses to have keys made for it. So it is sealed last: a first start that was
    refused or cut short before leaves nothing that the next one stumbles over. Raises KeyMissing, KeyRefused,
    KeyExposed, MasterKeyWrong.
    """
    signing = KeyFiles(settings.data_dir).signing_key(
        settings.secret_key.get_secret_value(), has_data=await has_data(db)
    )
    tokens = TokenKeys([signing], keypairs.read_all(settings.token_key_file))
    await open_keyring(db, data_dir=settings.data_dir, master_key=settings.master_key.get_secret_value())
    db.parts.add(signing, kind=SigningKey)
    db.parts.add(tokens)
    return signing
