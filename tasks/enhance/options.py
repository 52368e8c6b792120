"""The option of enhancement. The filters, and with them torch, are imported where there is a chain to check."""

from pydantic import BaseModel, field_validator

from tasks.runfolder.filesystem import without_password


class EnhanceOptions(BaseModel):
    """How every picture is enhanced before it is written."""

    enhance: str = ""
    """Enhancement steps in order, as in denoise:0.3,contrast:1.1; empty for none."""

    @field_validator("enhance")
    @classmethod
    def _readable(cls, chain: str) -> str:
        chain = without_password(chain)
        if chain.strip():
            from tasks.enhance.chain import parse_chain

            parse_chain(chain)
        return chain

    @property
    def enhance_named(self) -> str:
        """The chain with files by their names, as results record it: where they lie is nobody's business."""
        if not self.enhance.strip():
            return self.enhance
        from tasks.enhance.chain import name_files

        return name_files(self.enhance)
