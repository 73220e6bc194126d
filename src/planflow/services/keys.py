"""The site's signing key, and the folder outside the database for its last checkpoints (F10)."""

from planflow.errors import Fault
from planflow.ledger import note
from planflow.ledger.note import Signer
from planflow.services.site import Site
from planflow.store.keeping import Keep


def keep(site: Site) -> Keep:
    """The site's folder."""
    return Keep(site.settings.ledger_folder / site.id)


def ready(site: Site) -> None:
    """Make a key where a site that is served lacks one and has a folder to keep it in for good.

    That is an embedded database's, or one that was named: several machines need one key in common.
    """
    named = "ledger_folder" in site.settings.model_fields_set
    if site.settings.ledger_key is None and (site.database.embedded or named):
        keep(site).make_seed()


def signer(site: Site) -> Signer:
    """Who signs this site's checkpoints. Raises `Fault` `ledger_key_missing`, `Refusal`."""
    given = site.settings.ledger_key
    seed = given.get_secret_value() if given else keep(site).seed()
    if seed is None:
        raise Fault("ledger_key_missing", {"path": str(keep(site).folder)})
    return note.signer(site.id, seed)
