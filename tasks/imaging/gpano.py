"""What tells viewers that a picture is a panorama: Google's photo sphere properties (GPano) in XMP.

https://developers.google.com/streetview/spherical-metadata
"""

NAMESPACE = "http://ns.google.com/photos/1.0/panorama/"


def gpano_packet(width: int, height: int) -> bytes:
    """The XMP of an equirectangular panorama that covers the whole sphere, of so many pixels."""
    properties = {
        "ProjectionType": "equirectangular",
        "UsePanoramaViewer": "True",
        "FullPanoWidthPixels": width,
        "FullPanoHeightPixels": height,
        "CroppedAreaImageWidthPixels": width,
        "CroppedAreaImageHeightPixels": height,
        "CroppedAreaLeftPixels": 0,
        "CroppedAreaTopPixels": 0,
        "PoseHeadingDegrees": 0,
        "InitialViewHeadingDegrees": 0,
    }
    told = "".join(f"<GPano:{name}>{value}</GPano:{name}>" for name, value in properties.items())
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about="" xmlns:GPano="{NAMESPACE}">{told}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="w"?>'
    ).encode()
